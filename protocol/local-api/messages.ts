import type { ErrorData } from '#protocol/errors/app-error.ts';

/**
 * The messages of the local API. They are plain JSON values, so that the same contract runs over a Unix socket or named pipe (one
 * value per line), a WebSocket (one per text message) and a MessagePort.
 *
 * ```
 * client → daemon   {hello: version}                       first, once
 * daemon → client   {hello: version} or {refused: error}
 * client → daemon   {id, call, input}                      ids are the client's, increasing from 1
 * daemon → client   {id, event}*                           progress of a call, or items of a subscription
 * daemon → client   {id, output} or {id, error}            ends the call
 * client → daemon   {id, cancel: true}                     asks for an early end, answered by output or error
 * ```
 *
 * A client of another version is refused, and may then still call `quit`, so that an update can end the daemon that it replaces.
 */
export type ClientMessage =
  | { readonly hello: string }
  | { readonly id: number; readonly call: string; readonly input: unknown }
  | { readonly id: number; readonly cancel: true };

export type DaemonMessage =
  | { readonly hello: string }
  | { readonly refused: ErrorData }
  | { readonly id: number; readonly event: unknown }
  | { readonly id: number; readonly output: unknown }
  | { readonly id: number; readonly error: ErrorData };

/** Longest message, either way: 16 MiB, some hundred times the snapshot of a namespace with 2,000 workloads. */
export const maxMessageBytes = 16 * 1024 * 1024;
