import { lstatSync, type Stats } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import type { MessageChannel } from './channel.ts';
import { type ApiClient, type ClientOptions, createApiClient } from './client.ts';
import { socketChannel } from './socket-channel.ts';

/**
 * Connects to the daemon whose socket is at `path`. The socket's directory must belong to this user, so that nobody else can put a
 * daemon of theirs in the way, which would be sent credentials.
 *
 * @throws AppError `daemon.not-running` where nothing listens, `daemon.refused` where the directory or the socket is another user's;
 * else as `createApiClient`.
 */
export async function connectApi(path: string, options: ClientOptions = {}): Promise<ApiClient> {
  return await createApiClient(await openDaemonChannel(path), options);
}

/** The same without a greeting: for whoever passes the messages of another client on. */
export async function openDaemonChannel(path: string): Promise<MessageChannel> {
  checkOwner(dirname(path));
  return socketChannel(await openSocket(path));
}

function openSocket(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const fail = (error: NodeJS.ErrnoException) => reject(connectError(error, path));
    socket.once('error', fail);
    socket.once('connect', () => {
      socket.off('error', fail);
      resolve(socket);
    });
  });
}

function checkOwner(directory: string): void {
  const uid = process.getuid?.();
  const stat = lstatIfThere(directory);
  if (stat === undefined || uid === undefined || stat.uid === uid) return;
  throw new AppError({
    code: 'daemon.refused',
    message: `The directory ${directory} belongs to another user`,
    reason: `its owner has the user id ${stat.uid}, you have ${uid}`,
    remedies: [{ label: 'Run the command as that user, or name a directory of your own in TELEPRESENCE_RUNTIME_DIR' }],
  });
}

function lstatIfThere(directory: string): Stats | undefined {
  try {
    return lstatSync(directory, { throwIfNoEntry: false });
  } catch (error) {
    throw connectError(error as NodeJS.ErrnoException, directory);
  }
}

function connectError(error: NodeJS.ErrnoException, path: string): AppError {
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new AppError(
      {
        code: 'daemon.refused',
        message: 'The Telepresence daemon is not this user’s to control',
        reason: `The system does not let you use ${path}`,
        remedies: [
          { label: 'Run the command as the user who started it, or name another directory in TELEPRESENCE_RUNTIME_DIR' },
        ],
      },
      error,
    );
  }
  if (error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED' && error.code !== 'ENOTDIR') return AppError.from(error);
  return new AppError(
    {
      code: 'daemon.not-running',
      message: 'The Telepresence daemon is not running',
      context: { socket: path },
      remedies: [{ label: 'Connect to a cluster, which starts it', command: 'telepresence connect' }],
    },
    error,
  );
}
