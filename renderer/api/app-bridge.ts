import { create } from 'zustand';
import type { AppCallInput, AppCallName, AppCallOutput, AppEvent, AppMessage } from '#protocol/app-bridge/app-bridge.ts';
import { windowMessages } from '#protocol/app-bridge/ports.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { isMessage } from './daemon-channels.ts';

interface BridgeState {
  /** A browser has none: what only the app can do is not offered there. */
  readonly port: MessagePort | undefined;
  /** Somebody ended the daemon, and main waits for a word before it starts another. */
  readonly isDaemonEnded: boolean;
}

/** The page's way to the app's main process. */
export const useBridge = create<BridgeState>()(() => ({ port: undefined, isDaemonEnded: false }));

type Pending = { resolve(output: unknown): void; reject(error: AppError): void };

const pending = new Map<number, Pending>();
const listeners = new Set<(event: AppEvent) => void>();
let lastId = 0;

/** Takes the ports that main hands over, whenever it does. */
export function listenForBridge(): void {
  window.addEventListener('message', ({ source, data, ports }: MessageEvent<unknown>) => {
    const [port] = ports;
    if (source !== window || port === undefined || !isMessage(data, windowMessages.bridgePort)) return;
    dropPending();
    port.addEventListener('message', (event: MessageEvent<AppMessage>) => receive(event.data));
    port.start();
    useBridge.setState({ port });
  });
}

/** Calls back with what main tells the page; returns what ends that. */
export function onAppEvent(listener: (event: AppEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @throws AppError main's answer, or `unsupported` in a browser. */
export async function callApp<Name extends AppCallName>(name: Name, input: AppCallInput<Name>): Promise<AppCallOutput<Name>> {
  const { port } = useBridge.getState();
  if (port === undefined) throw new AppError({ code: 'unsupported', message: 'Only the desktop app can do that' });
  lastId += 1;
  const id = lastId;
  const { promise, resolve, reject } = Promise.withResolvers<unknown>();
  pending.set(id, { resolve, reject });
  port.postMessage({ id, call: name, input });
  return (await promise) as AppCallOutput<Name>;
}

function receive(message: AppMessage): void {
  if ('push' in message) {
    if (message.push.kind === 'daemon-ended') useBridge.setState({ isDaemonEnded: true });
    if (message.push.kind === 'daemon-lost') useBridge.setState({ isDaemonEnded: false });
    for (const listener of listeners) listener(message.push);
    return;
  }
  const call = pending.get(message.id);
  pending.delete(message.id);
  if ('error' in message) call?.reject(new AppError(message.error));
  else call?.resolve(message.output);
}

function dropPending(): void {
  for (const call of pending.values()) call.reject(new AppError({ code: 'cancelled', message: 'The app was replaced' }));
  pending.clear();
}
