import { chmod, lstat, mkdir, open, stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '#protocol/errors/app-error.ts';
import type { MessageChannel } from './channel.ts';
import { socketChannel } from './socket-channel.ts';

/** A listening socket; closing it removes its file and ends the connections after what was sent on them. */
export interface UnixListener {
  close(): Promise<void>;
}

/** A take-over of a dead daemon's socket lasts milliseconds; one that is older was cut short by a crash. */
const takeoverStaleMs = 5_000;

/** A peer that reads gets its last answers well within this; one that does not must not hold up the end. */
const closeGraceMs = 300;

/**
 * Listens at `path` with mode 0600 in a directory of mode 0700 that belongs to this user and is made where it is missing. A socket
 * that a dead process left is replaced.
 *
 * @returns `undefined` where a live process listens there already.
 * @throws AppError `daemon.start-failed` where the directory belongs to somebody else.
 */
export async function listenUnix(path: string, onChannel: (channel: MessageChannel) => void): Promise<UnixListener | undefined> {
  await makePrivateDirectory(dirname(path));
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    onChannel(socketChannel(socket));
  });
  if (!(await tryListen(server, path)) && !(await takeOver(server, path))) return undefined;
  await chmod(path, 0o600);
  return { close: () => closeServer(server, sockets) };
}

/** Makes a directory that only this user can enter, or checks that the one that is there is such. */
async function makePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const found = await lstat(directory);
  const uid = process.getuid?.();
  if (!found.isDirectory() || (uid !== undefined && found.uid !== uid)) {
    throw new AppError({
      code: 'daemon.start-failed',
      message: `${directory} is not a directory of this user`,
      remedies: [{ label: 'Remove it, or name another directory in TELEPRESENCE_RUNTIME_DIR' }],
    });
  }
  if ((found.mode & 0o077) !== 0) await chmod(directory, 0o700);
}

/**
 * Of several starting daemons that find the same dead socket, one removes it while the lock file keeps the others from removing the
 * live socket that follows.
 */
async function takeOver(server: Server, path: string): Promise<boolean> {
  const lock = `${path}.lock`;
  for (;;) {
    if (await isAlive(path)) return false;
    if (await tryLock(lock)) break;
    await delay(20);
  }
  try {
    for (;;) {
      if (await isAlive(path)) return false;
      await unlink(path).catch(ignoreMissing);
      if (await tryListen(server, path)) return true;
    }
  } finally {
    await unlink(lock).catch(ignoreMissing);
  }
}

async function tryLock(lock: string): Promise<boolean> {
  try {
    await (await open(lock, 'wx', 0o600)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const held = await stat(lock).catch(ignoreMissing);
    if (held !== undefined && Date.now() - held.mtimeMs > takeoverStaleMs) await unlink(lock).catch(ignoreMissing);
    return false;
  }
}

function tryListen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error));
    server.once('error', fail);
    server.listen(path, () => {
      server.off('error', fail);
      resolve(true);
    });
  });
}

function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // EAGAIN: its queue of connections is full, so something is there.
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'));
  });
}

function closeServer(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  for (const socket of sockets) socket.end(() => socket.destroy());
  const impatience = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, closeGraceMs);
  return new Promise((resolve) =>
    server.close(() => {
      clearTimeout(impatience);
      resolve();
    }),
  );
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error;
}
