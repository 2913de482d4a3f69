import type { ApiClient } from '#net/rpc/client.ts';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import type { Invocation } from '../invocation.ts';

/** The running daemon; `undefined` where none runs. */
export async function findDaemon(
  invocation: Invocation,
  options: { readonly isQuitOnly?: boolean } = {},
): Promise<ApiClient | undefined> {
  return await findDaemonAt(invocation.paths.daemonSocket, options);
}
