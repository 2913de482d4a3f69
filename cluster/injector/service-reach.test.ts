import net, { connect, createServer } from 'node:net';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { untilServicesLead } from './service-reach.ts';

vi.mock('node:net', async () => {
  const real = await vi.importActual<typeof net>('node:net');
  return { ...real, connect: vi.fn<typeof real.connect>(real.connect) };
});
beforeEach(() => {
  vi.mocked(connect).mockClear();
});

const never = new AbortController().signal;
const noneEnding = async () => await Promise.resolve(false);

function reaching(port: number, clusterIP = '127.0.0.1') {
  const services = [{ metadata: { name: 'web' }, spec: { clusterIP, ports: [{ port }] } }];
  const agentPort = { containerPort: 8080, agentPort: 9900, protocol: 'TCP' as const, mode: 'named' as const };
  const config = {
    containers: [
      {
        name: 'app',
        mountPoint: '',
        envPrefix: '',
        mounts: [],
        ports: [{ ...agentPort, services: [{ name: 'web', uid: 'u', portName: 'http', port }] }],
      },
    ],
  };
  return { config, services, signal: never, pollMs: 5 };
}

describe('Services of pods that were replaced', () => {
  it('are waited for until they take connections', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    let isOver = false;
    const waiting = untilServicesLead({ ...reaching(port), isEnding: noneEnding, timeoutMs: 20_000 }).then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).toBe(false);
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    await waiting;
    await new Promise((resolve) => server.close(resolve));
  });

  it('are asked anew where a connection hangs, as to a pod that has gone', async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    vi.mocked(connect).mockReturnValueOnce(new net.Socket());
    await untilServicesLead({ ...reaching(port), isEnding: noneEnding, timeoutMs: 60_000 });
    expect(connect).toHaveBeenCalledTimes(2);
    await new Promise((resolve) => server.close(resolve));
  });

  it('are not waited for longer than the time limit, nor are pods that do not end', async () => {
    const closed = { ...reaching(1), timeoutMs: 30 };
    await untilServicesLead({ ...closed, isEnding: async () => await Promise.resolve(true) });
  });

  it('without an address are not asked', async () => {
    await untilServicesLead({ ...reaching(1, 'None'), isEnding: noneEnding, timeoutMs: 60_000 });
  });

  it('are given up with whoever waits', async () => {
    const abort = new AbortController();
    const waiting = untilServicesLead({ ...reaching(1), signal: abort.signal, isEnding: noneEnding, timeoutMs: 60_000 });
    abort.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
