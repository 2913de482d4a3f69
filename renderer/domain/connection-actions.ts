import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { callDaemon } from '../api/daemon-session.ts';
import { showFailure } from '../stores/messages.ts';
import { exactly } from './connection-view.ts';

export async function disconnect(connection: Connection): Promise<void> {
  await callDaemon('disconnect', { use: exactly(connection) });
}

export async function pauseConnection(connection: Connection, minutes: number): Promise<void> {
  await callDaemon('pause', { use: exactly(connection), minutes });
}

export async function resumeConnection(connection: Connection): Promise<void> {
  await callDaemon('resume', { use: exactly(connection) });
}

/** For menus and the palette, which have no place of their own for a failure. */
export function inBackground(work: Promise<unknown>): void {
  work.catch((thrown: unknown) => {
    const error = AppError.from(thrown);
    if (error.code !== 'cancelled') showFailure(error.toData());
  });
}
