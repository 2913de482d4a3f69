import { AppError } from '#protocol/errors/app-error.ts';
import type { ApiClient, ClientOptions } from './client.ts';
import { connectApi } from './connect-api.ts';

/** The daemon that listens at `path`; `undefined` where none does. Else as `connectApi`. */
export async function findDaemonAt(path: string, options: ClientOptions = {}): Promise<ApiClient | undefined> {
  try {
    return await connectApi(path, options);
  } catch (error) {
    if (error instanceof AppError && error.code === 'daemon.not-running') return undefined;
    throw error;
  }
}
