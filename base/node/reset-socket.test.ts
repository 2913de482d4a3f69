import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { resetSocket } from './reset-socket.ts';

describe('resetSocket', () => {
  const cleanups: (() => void)[] = [];

  afterEach(() => {
    for (const cleanup of cleanups.splice(0)) cleanup();
  });

  /** Two ends of one connection; neither reads before it is told to. */
  async function connection(): Promise<{ readonly near: Socket; readonly far: Socket }> {
    const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const accepted = once(server, 'connection');
    const near = net.connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    const [far] = (await accepted) as [Socket];
    if (near.connecting) await once(near, 'connect');
    cleanups.push(
      () => near.destroy(),
      () => far.destroy(),
      () => server.close(),
    );
    return { near, far };
  }

  async function closed(socket: Socket): Promise<void> {
    if (!socket.closed) await once(socket, 'close');
  }

  /** How the far side sees the end. */
  async function endOf(far: Socket): Promise<string> {
    return await new Promise((resolve) => {
      far.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
      far.once('end', () => resolve('end'));
      far.resume();
    });
  }

  function openSockets(): number {
    return process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
  }

  it('is a reset to the far side, once', async () => {
    const { near, far } = await connection();
    resetSocket(near);
    resetSocket(near);
    await closed(near);
    expect(await endOf(far)).toBe('ECONNRESET');
  });

  it('closes a socket that has just sent its end', async () => {
    const before = openSockets();
    const { near, far } = await connection();
    const errors: Error[] = [];
    near.on('error', (error) => errors.push(error));
    near.end();
    resetSocket(near);
    await closed(near);
    expect(errors).toEqual([]);
    expect(await endOf(far)).toBe('end');
    far.destroy();
    await closed(far);
    expect(openSockets()).toBe(before);
  });

  it('does not let what was lost look whole', async () => {
    const { near, far } = await connection();
    near.end(Buffer.alloc(64 * 1024 * 1024));
    resetSocket(near);
    await closed(near);
    expect(await endOf(far)).toBe('ECONNRESET');
  });
});
