import type { ApiClient } from '#net/rpc/client.ts';
import { connectApi } from '#net/rpc/connect-api.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Invocation } from '../invocation.ts';

/** The running daemon; `undefined` where none runs. */
export async function findDaemon(
  invocation: Invocation,
  options: { readonly isQuitOnly?: boolean } = {},
): Promise<ApiClient | undefined> {
  try {
    return await connectApi(invocation.paths.daemonSocket, options);
  } catch (error) {
    if (error instanceof AppError && error.code === 'daemon.not-running') return undefined;
    throw error;
  }
}
