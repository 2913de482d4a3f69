import { once } from 'node:events';
import net from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DialRejectedError } from '#net/tunnel/tunnel-duplex.ts';
import { InterceptDispositionType } from '#protocol/cluster/generated/manager_pb.js';
import { AgentBed, answerAs, ask, serveTcp } from '../testing/agent-bed.ts';

/** What the kernel does with it is tested with the rules of the init container. Here it knows none. */
describe('the switch of a port whose idle agent is passed by', () => {
  const cleanups: (() => unknown)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function startIntercepted() {
    const [app, handler] = [await serveTcp(answerAs('app')), await serveTcp(answerAs('laptop'))];
    const bed = await AgentBed.start({ ports: [{ containerPort: app.port, idlePath: 'direct' }] });
    cleanups.push(app.stop, handler.stop, () => bed.stop());
    const port = bed.portOf(app.port);
    expect(await ask(port)).toBe('app: hello');
    const laptop = await bed.laptop('mine');
    bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
    await bed.manager.until(() => bed.manager.dispositionOf('mine') === InterceptDispositionType.ACTIVE);
    return { app, bed, laptop, port };
  }

  it('leaves connections to the agent where the kernel cannot lead them past it', async () => {
    const { bed, port } = await startIntercepted();
    expect(await ask(port)).toBe('laptop: hello');
    bed.manager.setIntercepts();
    await vi.waitFor(async () => expect(await ask(port)).toBe('app: hello'));
  });

  it.each(['tcp', 'udp'] as const)('is not within reach of the laptop that intercepts: %s', async (protocol) => {
    const { app, laptop } = await startIntercepted();
    const control = net.createServer((socket) => socket.end('reached')).listen(app.port, '127.116.112.1');
    cleanups.push(() => control.close());
    await once(control, 'listening');
    const source = { ip: { family: 4, value: 1n }, port: 1 } as const;
    const destination = { ip: { family: 4, value: 0x7f74_7001n }, port: app.port } as const;
    const connectionId = { source, destination, protocol } as const;
    const tunnel = laptop.open({ connectionId, sessionId: laptop.sessionId, dialTimeoutMs: 1_000, roundtripMs: 0 });
    await expect(tunnel.dialled).rejects.toBeInstanceOf(DialRejectedError);
  });
});
