import { createHash, randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { Code } from '@connectrpc/connect';
import { afterEach, describe, expect, it } from 'vitest';
import { relayTcp } from '#net/relay/tcp-relay.ts';
import { decodeConnectionId } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, TunnelResetError } from '#net/tunnel/tunnel-duplex.ts';
import { InterceptDispositionType } from '#protocol/cluster/generated/manager_pb.js';
import { AgentBed, type AgentBedOptions, answerAs, ask, serveTcp, serveUdp } from './testing/agent-bed.ts';

const { ACTIVE, AGENT_ERROR, NO_MECHANISM, NO_PORTS } = InterceptDispositionType;
const mebibyte = 1024 * 1024;

describe('traffic-agent', () => {
  const cleanups: (() => unknown)[] = [];

  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });

  async function serve(onConnection: (socket: Socket) => void) {
    const server = await serveTcp(onConnection);
    cleanups.push(server.stop);
    return server;
  }

  async function start(options: AgentBedOptions): Promise<AgentBed> {
    const bed = await AgentBed.start(options);
    cleanups.push(() => bed.stop());
    return bed;
  }

  /** An app that answers "app", a handler that answers "laptop", and an agent between. */
  async function startShop(options: Partial<AgentBedOptions> = {}) {
    const app = await serve(answerAs('app'));
    const handler = await serve(answerAs('laptop'));
    const bed = await start({ ports: [{ containerPort: app.port }], ...options });
    return { app, handler, bed, port: bed.portOf(app.port) };
  }

  function connect(port: number): Socket {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    cleanups.push(() => socket.destroy());
    return socket;
  }

  async function readiness({ healthPort }: AgentBed): Promise<number> {
    return (await fetch(`http://127.0.0.1:${healthPort}/readyz`)).status;
  }

  async function untilReady(bed: AgentBed): Promise<void> {
    while ((await readiness(bed)) !== 200) await sleep(10);
  }

  async function intercepted(bed: AgentBed, id: string): Promise<void> {
    await bed.manager.until(() => bed.manager.dispositionOf(id) === ACTIVE);
  }

  describe('without an intercept', () => {
    it('passes connections to the app, half closes included', async () => {
      const { port } = await startShop();
      expect(await ask(port)).toBe('app: hello');
    });

    it('passes a half close of the app while the caller goes on', async () => {
      const received: Promise<string>[] = [];
      const app = await serve((socket) => {
        received.push(text(socket));
        socket.end('bye');
      });
      const bed = await start({ ports: [{ containerPort: app.port }] });
      const caller = connect(bed.portOf(app.port));
      expect(await text(caller)).toBe('bye');
      caller.end('still here');
      expect(await received[0]).toBe('still here');
    });

    it('resets the caller when the app does', async () => {
      const app = await serve((socket) => socket.once('data', () => socket.resetAndDestroy()));
      const bed = await start({ ports: [{ containerPort: app.port }] });
      const caller = connect(bed.portOf(app.port));
      caller.write('x');
      expect(((await once(caller, 'error')) as NodeJS.ErrnoException[])[0]?.code).toBe('ECONNRESET');
    });

    it('resets the app when the caller does', async () => {
      const error = Promise.withResolvers<NodeJS.ErrnoException>();
      const app = await serve((socket) => socket.removeAllListeners('error').once('error', error.resolve).resume());
      const bed = await start({ ports: [{ containerPort: app.port }] });
      const caller = connect(bed.portOf(app.port));
      caller.write('x');
      await once(caller, 'connect');
      while (app.sockets.size === 0) await sleep(5);
      caller.resetAndDestroy();
      expect((await error.promise).code).toBe('ECONNRESET');
    });

    it('resets the caller where the app does not listen', async () => {
      const { app, port } = await startShop();
      app.stop();
      await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNRESET' });
    });

    it('carries 64 MiB each way unchanged', async () => {
      const app = await serve((socket) => socket.pipe(socket));
      const bed = await start({ ports: [{ containerPort: app.port }] });
      const caller = connect(bed.portOf(app.port));
      const block = randomBytes(mebibyte);
      const [sent, received] = [createHash('sha1'), createHash('sha1')];
      const write = async () => {
        for (let count = 0; count < 64; count += 1) {
          sent.update(block);
          if (!caller.write(block)) await once(caller, 'drain');
        }
        caller.end();
      };
      const writing = write();
      for await (const chunk of caller) received.update(chunk as Buffer);
      await writing;
      expect(received.digest('hex')).toBe(sent.digest('hex'));
    });

    it('passes datagrams to the app', async () => {
      const app = await serveUdp('app');
      cleanups.push(app.stop);
      const bed = await start({ ports: [{ containerPort: app.port, protocol: 'UDP' }] });
      expect(await askUdp(bed.portOf(app.port))).toBe('app: hello');
    });

    it('works at once, and is ready when it has heard of the intercepts', async () => {
      const { bed, port } = await startShop({ isManagerAway: true, readyGraceMs: 600_000 });
      expect(await readiness(bed)).toBe(503);
      expect(await ask(port)).toBe('app: hello');
      await bed.manager.start(bed.config.managerPort);
      await untilReady(bed);
    });

    it('is ready without a traffic-manager, after a while', async () => {
      const { bed, port } = await startShop({ isManagerAway: true, readyGraceMs: 1 });
      await untilReady(bed);
      expect(await ask(port)).toBe('app: hello');
    });
  });

  describe('with an intercept', () => {
    it('brings connections to a laptop that watches the pod, and back to the app when it leaves', async () => {
      const { app, handler, bed, port } = await startShop();
      const laptop = await bed.laptop('mine');
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      expect(await ask(port)).toBe('laptop: hello');
      const id = decodeConnectionId(Buffer.from(laptop.requests[0]?.connId ?? []));
      expect(id).toMatchObject({ protocol: 'tcp', destination: { port: handler.port } });
      bed.manager.setIntercepts();
      await untilAnswer(port, 'app: hello');
    });

    it('tells the laptop the environment of the app', async () => {
      const { app, handler, bed } = await startShop({
        env: { _TEL_APP_A_COLOUR: 'green', KUBERNETES_SERVICE_HOST: '10.96.0.1', NODE_OPTIONS: '--own', HOME: '/tmp' },
      });
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      expect(bed.manager.reviews[0]).toMatchObject({ podIp: '127.0.0.1', mechanismArgsDesc: 'all TCP connections' });
      expect(bed.manager.reviews[0]?.environment).toEqual({
        COLOUR: 'green',
        KUBERNETES_SERVICE_HOST: '10.96.0.1',
        TELEPRESENCE_CONTAINER: 'main',
        TELEPRESENCE_MOUNTS: '',
      });
    });

    it('goes by way of the traffic-manager where the laptop does not watch the pod', async () => {
      const { app, handler, bed, port } = await startShop();
      const sessions: string[][] = [];
      bed.manager.onTunnel = ({ tunnel, info, laptopSession }) => {
        sessions.push([info.sessionId, laptopSession]);
        relayTcp(tunnel, { host: '127.0.0.1', port: info.connectionId.destination.port }, { dialTimeoutMs: 1_000 });
      };
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      expect(await ask(port)).toBe('laptop: hello');
      expect(sessions).toEqual([['agent:1', 'session-of-mine']]);
    });

    it('brings connections to the laptop until the pod is gone, though it has taken leave, by either way', async () => {
      const { app, handler, bed, port } = await startShop();
      bed.manager.onTunnel = ({ tunnel, info }) => {
        relayTcp(tunnel, { host: '127.0.0.1', port: info.connectionId.destination.port }, { dialTimeoutMs: 1_000 });
      };
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      await bed.agent.leave();
      expect(bed.manager.departed).toEqual(['agent:1']);
      expect(await ask(port)).toBe('laptop: hello');
      bed.manager.onTunnel = ({ tunnel }) => tunnel.destroy();
      await bed.laptop('mine');
      expect(await ask(port)).toBe('laptop: hello');
    });

    it('asks by way of the traffic-manager as well where a laptop that watches does not take the connection', async () => {
      const { app, handler, bed, port } = await startShop();
      const laptop = await bed.laptop('mine');
      laptop.doesAnswer = false;
      bed.manager.onTunnel = ({ tunnel, info }) =>
        relayTcp(tunnel, { host: '127.0.0.1', port: info.connectionId.destination.port }, { dialTimeoutMs: 1_000 });
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      expect(await ask(port)).toBe('laptop: hello');
      expect(laptop.requests).toHaveLength(1);
      // Its answer comes after all, and is not taken for a connection to the pod.
      const connectionId = decodeConnectionId(Buffer.from(laptop.requests[0]?.connId ?? []));
      const late = laptop.open({ connectionId, sessionId: laptop.sessionId, dialTimeoutMs: 1_000, roundtripMs: 0 });
      await expect(late.dialled).rejects.toBeInstanceOf(DialRejectedError);
    });

    it('asks by way of the traffic-manager where the direct way breaks meanwhile', async () => {
      const { app, handler, bed, port } = await startShop();
      const laptop = await bed.laptop('mine');
      laptop.doesAnswer = false;
      bed.manager.onTunnel = ({ tunnel, info }) =>
        relayTcp(tunnel, { host: '127.0.0.1', port: info.connectionId.destination.port }, { dialTimeoutMs: 1_000 });
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      const asking = ask(port);
      await expect.poll(() => laptop.requests.length).toBe(1);
      laptop.stop();
      expect(await asking).toBe('laptop: hello');
    });

    it('moves a connection that the caller keeps open, when nothing is under way on it', async () => {
      const app = await serve((socket) => socket.on('data', () => socket.write('app')));
      const handler = await serve(answerAs('laptop'));
      const bed = await start({ ports: [{ containerPort: app.port }] });
      await bed.laptop('mine');
      const kept = connect(bed.portOf(app.port));
      kept.write('hello');
      await once(kept, 'data');
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      kept.resume();
      await once(kept, 'end');
      expect(await ask(bed.portOf(app.port))).toBe('laptop: hello');
    });

    it('keeps two ports apart, and takes connections of the other to the app', async () => {
      const [first, second] = [await serve(answerAs('first')), await serve(answerAs('second'))];
      const handler = await serve(answerAs('laptop'));
      const bed = await start({ ports: [{ containerPort: first.port }, { containerPort: second.port }] });
      await bed.laptop('mine');
      bed.manager.setIntercepts(bed.intercept('mine', second.port, handler.port));
      await intercepted(bed, 'mine');
      expect(await ask(bed.portOf(first.port))).toBe('first: hello');
      expect(await ask(bed.portOf(second.port))).toBe('laptop: hello');
    });

    it('brings datagrams to the laptop, and back to the app', async () => {
      const [app, handler] = [await serveUdp('app'), await serveUdp('laptop')];
      cleanups.push(app.stop, handler.stop);
      const bed = await start({ ports: [{ containerPort: app.port, protocol: 'UDP' }] });
      await bed.laptop('mine');
      const caller = await udpCaller(bed.portOf(app.port));
      expect(await caller.ask()).toBe('app: hello');
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port, { protocol: 'UDP' }));
      await intercepted(bed, 'mine');
      expect(await caller.ask()).toBe('laptop: hello');
      bed.manager.setIntercepts();
      while ((await caller.ask()) !== 'app: hello') await sleep(5);
    });

    it('keeps the datagrams of a caller with the laptop when that watches, and brings those back that went to the app', async () => {
      const [app, handler] = [await serveUdp('app'), await serveUdp('laptop')];
      cleanups.push(app.stop, handler.stop);
      const bed = await start({ ports: [{ containerPort: app.port, protocol: 'UDP' }] });
      const caller = await udpCaller(bed.portOf(app.port));
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port, { protocol: 'UDP' }));
      await intercepted(bed, 'mine');
      expect(await caller.ask()).toBe('app: hello');
      await bed.laptop('mine');
      while ((await caller.ask()) !== 'laptop: hello') await sleep(5);
      await bed.laptop('mine');
      expect(await caller.ask()).toBe('laptop: hello');
      expect(handler.callers.size).toBe(1);
    });

    it('refuses what it cannot do, with the reason', async () => {
      const { app, handler, bed } = await startShop();
      bed.manager.setIntercepts(
        bed.intercept('mine', app.port, handler.port),
        bed.intercept('second', app.port, handler.port),
        bed.intercept('nowhere', 1, handler.port),
        bed.intercept('filtered', app.port, handler.port, { mechanism: 'http' }),
        bed.intercept('of-others', app.port, handler.port, { agent: 'cart' }),
      );
      await bed.manager.until(() => bed.manager.reviews.length >= 4);
      const answers = new Map(bed.manager.reviews.map(({ id, disposition, message }) => [id, { disposition, message }]));
      expect(answers.get('mine')?.disposition).toBe(ACTIVE);
      expect(answers.get('second')?.disposition).toBe(AGENT_ERROR);
      expect(answers.get('second')?.message).toContain('intercept mine');
      expect(answers.get('nowhere')?.disposition).toBe(NO_PORTS);
      expect(answers.get('nowhere')?.message).toContain('1/TCP');
      expect(answers.get('filtered')?.disposition).toBe(NO_MECHANISM);
      expect(answers.has('of-others')).toBe(false);
    });
  });

  describe('when something is missing', () => {
    it('shows a closed port where the laptop has no listener', async () => {
      const { app, handler, bed, port } = await startShop();
      await bed.laptop('mine');
      handler.stop();
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      await untilRefused(port);
    });

    it('lets the app answer where no laptop watches', async () => {
      const { app, handler, bed, port } = await startShop();
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      expect(await ask(port)).toBe('app: hello');
    });

    it('waits for a silent laptop once, and then lets the app answer at once', async () => {
      const { app, handler, bed, port } = await startShop();
      const laptop = await bed.laptop('mine');
      laptop.doesAnswer = false;
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port, { dialTimeout: 300_000_000n }));
      await intercepted(bed, 'mine');
      const [first, second] = [await timed(() => ask(port)), await timed(() => ask(port))];
      expect([first.result, second.result]).toEqual(['app: hello', 'app: hello']);
      expect(first.ms).toBeGreaterThan(250);
      expect(second.ms).toBeLessThan(250);
      expect(laptop.requests).toHaveLength(1);
    });

    it('notices a laptop that vanished, resets its connections and lets the app answer until it is back', async () => {
      const app = await serve(answerAs('app'));
      const handler = await serve((socket) => socket.write('laptop'));
      const bed = await start({ ports: [{ containerPort: app.port }], keepAliveTiming: { everyMs: 50, timeoutMs: 200 } });
      const port = bed.portOf(app.port);
      // Between laptop and agent, so that it can be cut without a word.
      const cable = await serve((socket) => {
        const agent = connect(bed.apiPort);
        socket.pipe(agent).pipe(socket);
        cable.cut.push(() => [socket, agent].forEach((end) => end.unpipe().pause()));
      }).then((server) => ({ ...server, cut: [] as (() => void)[] }));
      const laptop = await bed.laptopBy('mine', cable.port);
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      const open = connect(port);
      expect(String((await once(open, 'data'))[0])).toBe('laptop');
      for (const cut of cable.cut) cut();
      expect(((await once(open, 'error')) as NodeJS.ErrnoException[])[0]?.code).toBe('ECONNRESET');
      expect(await ask(port)).toBe('app: hello');
      laptop.stop();
      await bed.laptop('mine');
      const again = connect(port);
      expect(String((await once(again, 'data'))[0])).toBe('laptop');
    });

    it('arrives again where the traffic-manager has forgotten it, and keeps serving', async () => {
      const { app, handler, bed, port } = await startShop();
      await bed.laptop('mine');
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      bed.manager.forgetSessions();
      await bed.manager.until(() => bed.manager.arrivals.length === 2);
      expect(await ask(port)).toBe('laptop: hello');
    });

    it('keeps an intercept in place while the traffic-manager is away', async () => {
      const { app, handler, bed, port } = await startShop();
      await bed.laptop('mine');
      bed.manager.setIntercepts(bed.intercept('mine', app.port, handler.port));
      await intercepted(bed, 'mine');
      const { managerPort } = bed.config;
      await bed.manager.stop();
      expect(await ask(port)).toBe('laptop: hello');
      bed.manager.setIntercepts();
      bed.manager.forgetSessions();
      await bed.manager.start(managerPort);
      await bed.manager.until(() => bed.manager.arrivals.length === 2);
      await untilAnswer(port, 'app: hello');
    });
  });

  describe('for a laptop', () => {
    it('serves nobody whom the traffic-manager does not know', async () => {
      const { bed } = await startShop();
      const laptop = await bed.laptop('mine');
      bed.manager.strangers.add('session-of-thief');
      await expect(bed.laptop('thief')).rejects.toMatchObject({ code: Code.PermissionDenied });
      const source = { ip: { family: 4, value: 1n }, port: 1 } as const;
      const destination = { ip: { family: 4, value: 0x0a00_0001n }, port: 80 } as const;
      const connectionId = { source, destination, protocol: 'tcp' } as const;
      const tunnel = laptop.open({ connectionId, sessionId: 'session-of-thief', dialTimeoutMs: 1_000, roundtripMs: 0 });
      await expect(tunnel.dialled).rejects.toBeInstanceOf(TunnelResetError);
    });

    it('says its version, and dials for outbound tunnels', async () => {
      const { app, bed } = await startShop();
      const laptop = await bed.laptop('mine');
      expect((await laptop.version()).name).toBe('Telepresence Desktop Traffic Agent');
      const source = { ip: { family: 4, value: 1n }, port: 1 } as const;
      const open = (port: number) => {
        const destination = { ip: { family: 4, value: 0x7f00_0001n }, port } as const;
        const connectionId = { source, destination, protocol: 'tcp' } as const;
        return laptop.open({ connectionId, sessionId: laptop.sessionId, dialTimeoutMs: 1_000, roundtripMs: 0 });
      };
      // The pod's loopback is for the laptop that stands in for it only.
      await expect(open(app.port).dialled).rejects.toBeInstanceOf(DialRejectedError);
      bed.manager.setIntercepts(bed.intercept('mine', app.port, app.port));
      await intercepted(bed, 'mine');
      const tunnel = open(app.port);
      await tunnel.dialled;
      tunnel.end('outbound');
      expect(await text(tunnel)).toBe('app: outbound');
      await expect(open(1).dialled).rejects.toBeInstanceOf(DialRejectedError);
    });

    it('takes leave when it stops, and is not ready any more', async () => {
      const { bed, port } = await startShop();
      await bed.manager.until(() => bed.manager.arrivals.length === 1);
      expect(await ask(port)).toBe('app: hello');
      await bed.agent.leave();
      expect(bed.manager.departed).toEqual(['agent:1']);
      expect((await fetch(`http://127.0.0.1:${bed.healthPort}/readyz`)).status).toBe(503);
      expect(await ask(port)).toBe('app: hello');
    });
  });

  async function udpCaller(port: number) {
    const socket = dgram.createSocket('udp4');
    cleanups.push(() => socket.close());
    return {
      ask: async () => {
        const answer = once(socket, 'message');
        const send = () => socket.send('hello', port, '127.0.0.1');
        // A change of the target may cost a datagram.
        const again = setInterval(send, 100);
        send();
        const [datagram] = (await answer) as [Buffer];
        clearInterval(again);
        return String(datagram);
      },
    };
  }

  async function askUdp(port: number): Promise<string> {
    return await (await udpCaller(port)).ask();
  }
});

/** The agent hears of a change a moment after the traffic-manager made it. */
async function untilAnswer(port: number, wanted: string): Promise<void> {
  while ((await ask(port)) !== wanted) await sleep(5);
}

async function untilRefused(port: number): Promise<void> {
  for (;;) {
    const failure = await ask(port).then(
      () => undefined,
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (failure === 'ECONNRESET') return;
    await sleep(5);
  }
}

async function timed<T>(run: () => Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const start = performance.now();
  const result = await run();
  return { result, ms: performance.now() - start };
}
