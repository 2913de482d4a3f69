import type { ApiClient } from '#net/rpc/client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Invocation } from '../invocation.ts';
import { findDaemon } from './find-daemon.ts';

/** The running daemon, which is started where none runs. That is told beside the command's outcome, unless `announce` is given. */
export async function openDaemon(invocation: Invocation, announce = announceAside(invocation)): Promise<ApiClient> {
  const running = await findDaemon(invocation);
  if (running !== undefined) return running;
  const { startDaemon } = await import('./start-daemon.ts');
  return await startDaemon(invocation, announce);
}

function announceAside({ output }: Invocation): (text: string) => void {
  return (text) => {
    if (!output.isStructured) output.note(text);
  };
}

/** A daemon that has connections, for commands that make no sense without. */
export async function requireDaemon(invocation: Invocation): Promise<ApiClient> {
  const running = await findDaemon(invocation);
  if (running !== undefined) return running;
  throw new AppError({
    code: 'connection.none',
    message: 'Not connected to a cluster',
    remedies: [{ label: 'Connect first', command: 'telepresence connect' }],
  });
}

/** Runs work with a daemon and closes the connection to it. */
export async function withApi<T>(opened: Promise<ApiClient>, work: (api: ApiClient) => Promise<T>): Promise<T> {
  const api = await opened;
  try {
    return await work(api);
  } finally {
    api.close();
  }
}
