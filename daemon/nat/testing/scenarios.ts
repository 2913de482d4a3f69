import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import { deferred } from '#base/common/deferred.ts';
import type { TcpFlow } from '../flows.ts';
import { isPingAnswered } from './ping.ts';
import {
  closesFirstPort,
  digestPort,
  echoPort,
  patternDigest,
  refusedPort,
  sendPattern,
  sourceBytes,
  sourcePort,
  TestRelay,
  unreachablePort,
} from './test-relay.ts';
import { deleteTestTun } from './tun-device.ts';

/** Addresses in the routed subnets; nobody has them. */
const service = '10.96.0.10';
const serviceV6 = 'fd96::10';
const otherPort = 1_234;

type Scenario = () => Promise<unknown>;

const scenarios: Readonly<Record<string, Scenario>> = {
  echo: () => withRelay(() => echo(service)),
  'echo-v6': () => withRelay(() => echo(serviceV6)),
  bulk: () => withRelay(() => bulk(service)),
  'bulk-v6': () => withRelay(() => bulk(serviceV6)),
  rejected: () =>
    withRelay(async () => ({
      refused: await connectError(service, refusedPort),
      unreachable: await connectError(service, unreachablePort),
      refusedV6: await connectError(serviceV6, refusedPort),
      unreachableV6: await connectError(serviceV6, unreachablePort),
    })),
  'held-syn': heldSyn,
  'abandoned-dial': abandonedDial,
  'half-close': () => withRelay(halfClose),
  'same-port': () => withRelay(samePort),
  'same-port-while-pending': samePortWhilePending,
  'many-connections': () => withRelay(manyConnections),
  'table-full': tableFull,
  udp: () => withRelay(async () => ({ v4: await udpEcho('udp4', service), v6: await udpEcho('udp6', serviceV6) })),
  'udp-unreachable': () => udpUnreachable(),
  'udp-idle': () => udpIdle(),
  ping: () => withRelay(ping),
  'device-removed': deviceRemoved,
  stop: stopScenario,
  exit: exitScenario,
};

async function withRelay(use: (relay: TestRelay) => Promise<unknown>): Promise<unknown> {
  const relay = await TestRelay.start();
  try {
    return await use(relay);
  } finally {
    await relay.stop();
  }
}

async function echo(host: string): Promise<unknown> {
  const socket = net.connect({ host, port: echoPort });
  await once(socket, 'connect');
  socket.end('hello');
  return await text(socket);
}

async function bulk(host: string): Promise<unknown> {
  const up = net.connect({ host, port: digestPort });
  await once(up, 'connect');
  const answer = text(up);
  await sendPattern(up, sourceBytes);
  const down = net.connect({ host, port: sourcePort });
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of down) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { up: await answer, down: `${bytes} ${hash.digest('hex')}`, expected: `${sourceBytes} ${patternDigest(sourceBytes)}` };
}

async function connectError(host: string, port: number): Promise<unknown> {
  const startedMs = performance.now();
  const socket = net.connect({ host, port });
  const code = await new Promise((resolve) => {
    socket.on('connect', () => resolve('connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
  });
  socket.destroy();
  return { code, withinASecond: performance.now() - startedMs < 1_000 };
}

async function heldSyn(): Promise<unknown> {
  const pending = deferred<TcpFlow>();
  let flows = 0;
  const relay = await TestRelay.start({
    onTcpFlow: (flow) => {
      flows += 1;
      pending.resolve(flow);
    },
  });
  const socket = net.connect({ host: service, port: echoPort });
  let isConnected = false;
  socket.on('connect', () => {
    isConnected = true;
  });
  const flow = await pending.promise;
  // The kernel sends the SYN again after a second: it must neither pass nor be a second flow.
  while (relay.nat.stats().packets < packetsOfOtherKinds(relay) + 2) await delay(50);
  const isConnectedWhileHeld = isConnected;
  const isAccepted = flow.accept();
  await once(socket, 'connect');
  socket.end('late');
  const answer = await text(socket);
  await relay.stop();
  return { flows, isConnectedWhileHeld, isAccepted, answer, isAcceptedTwice: flow.accept() };
}

/** What the kernel itself says on a new interface: router solicitations and multicast reports. */
function packetsOfOtherKinds(relay: TestRelay): number {
  const { multicast, unsupported } = relay.nat.stats();
  return multicast + unsupported;
}

async function abandonedDial(): Promise<unknown> {
  const gone = deferred<void>();
  const flows: TcpFlow[] = [];
  const relay = await TestRelay.start(
    {
      onTcpFlow: (flow) => {
        flows.push(flow);
        flow.onGone(() => gone.resolve());
      },
    },
    { pendingMs: 1_000 },
  );
  const socket = net.connect({ host: service, port: otherPort });
  socket.on('error', () => undefined);
  await gone.promise;
  const isAccepted = flows[0]?.accept();
  socket.destroy();
  await relay.stop();
  return { isAccepted, heldTcpFlows: relay.nat.stats().heldTcpFlows };
}

async function halfClose(): Promise<unknown> {
  const laptopFirst = net.connect({ host: service, port: digestPort });
  laptopFirst.end('laptop closes first');
  const answer = await text(laptopFirst);
  const clusterFirst = net.connect({ host: service, port: closesFirstPort, allowHalfOpen: true });
  const greeting = await text(clusterFirst);
  // The cluster has closed its half; ours still works.
  await new Promise((resolve) => clusterFirst.write('still here', resolve));
  clusterFirst.end();
  await once(clusterFirst, 'close');
  return { bytes: Number(answer.split(' ')[0]), greeting };
}

async function samePort(relay: TestRelay): Promise<unknown> {
  const localPort = 40_000;
  const failures: string[] = [];
  const startedMs = performance.now();
  for (let round = 0; round < 100; round += 1) {
    const answer = await greetingAt(localPort).catch(String);
    if (answer !== 'bye') failures.push(answer);
  }
  return { failures, flows: relay.nat.stats().tcpFlows, withinTenSeconds: performance.now() - startedMs < 10_000 };
}

/**
 * The kernel frees a port when the last ACK is in, which may be a moment after the program has closed its socket: until then bind and
 * connect say EADDRNOTAVAIL, over any network, without sending anything.
 */
async function greetingAt(localPort: number): Promise<string> {
  for (;;) {
    const socket = net.connect({ host: service, port: closesFirstPort, localPort });
    socket.setTimeout(2_000, () => socket.destroy(new Error('timeout')));
    try {
      const answer = await text(socket);
      if (!socket.closed) await once(socket, 'close');
      return answer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') throw error;
      await setImmediate();
    }
  }
}

async function samePortWhilePending(): Promise<unknown> {
  const flows: TcpFlow[] = [];
  const firstIsGone = deferred<void>();
  const first = deferred<void>();
  const relay = await TestRelay.start({
    onTcpFlow: (flow) => {
      flows.push(flow);
      if (flows.length === 1) {
        flow.onGone(() => firstIsGone.resolve());
        first.resolve();
      } else {
        flow.accept();
      }
    },
  });
  const localPort = 40_001;
  const givesUp = net.connect({ host: service, port: echoPort, localPort });
  await first.promise;
  givesUp.destroy();
  await once(givesUp, 'close');
  const again = net.connect({ host: service, port: echoPort, localPort });
  again.end('again');
  const answer = await text(again);
  await firstIsGone.promise;
  const isFirstAccepted = flows[0]?.accept();
  await relay.stop();
  return { flows: flows.length, answer, isFirstAccepted };
}

async function manyConnections(relay: TestRelay): Promise<unknown> {
  const startedMs = performance.now();
  const sockets = Array.from({ length: 1_000 }, () => net.connect({ host: service, port: echoPort }));
  const answers = await Promise.allSettled(
    sockets.map(async (socket, index) => {
      socket.write(`n${index};`);
      const data: unknown[] = await once(socket, 'data');
      return String(data[0]) === `n${index};`;
    }),
  );
  const right = answers.filter((answer) => answer.status === 'fulfilled' && answer.value).length;
  const elapsedMs = performance.now() - startedMs;
  const { heldTcpFlows } = relay.nat.stats();
  for (const socket of sockets) socket.destroy();
  return { right, heldTcpFlows, withinFiveSeconds: elapsedMs < 5_000 };
}

async function tableFull(): Promise<unknown> {
  const relay = await TestRelay.start({}, { maxTcpFlows: 2 });
  const held = [await connected(service, echoPort), await connected(service, echoPort)];
  const third = await connectError(service, echoPort);
  for (const socket of held) {
    socket.end();
    socket.resume();
    await once(socket, 'close');
  }
  const fourth = await connected(service, echoPort);
  fourth.destroy();
  const { tcpFlowsRefused } = relay.nat.stats();
  await relay.stop();
  return { third, tcpFlowsRefused };
}

async function connected(host: string, port: number): Promise<net.Socket> {
  const socket = net.connect({ host, port });
  await once(socket, 'connect');
  return socket;
}

async function udpEcho(type: dgram.SocketType, host: string): Promise<unknown> {
  const socket = dgram.createSocket({ type, recvBufferSize: 1_048_576, sendBufferSize: 1_048_576 });
  const sizes = [0, 1, 1_400, 60_000, type === 'udp4' ? 65_507 : 65_487];
  const equal: boolean[] = [];
  for (const size of sizes) {
    const payload = Buffer.from(Uint8Array.from({ length: size }, (_, index) => index * 31));
    socket.send(payload, 5_353, host);
    const [answer, from] = (await once(socket, 'message')) as [Buffer, dgram.RemoteInfo];
    equal.push(answer.equals(payload) && from.address === host && from.port === 5_353);
  }
  socket.close();
  return equal;
}

async function udpUnreachable(): Promise<unknown> {
  const relay = await TestRelay.start({ onUdpPacket: (flow) => flow.unreachable() });
  const codes: unknown[] = [];
  for (const [type, host] of [
    ['udp4', service],
    ['udp6', serviceV6],
  ] as const) {
    const socket = dgram.createSocket(type);
    socket.connect(otherPort, host);
    await once(socket, 'connect');
    socket.send('anyone?');
    const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
    codes.push(error.code);
    socket.close();
  }
  await relay.stop();
  return codes;
}

async function udpIdle(): Promise<unknown> {
  const idle = deferred<void>();
  const ids: number[] = [];
  const relay = await TestRelay.start(
    {
      onUdpPacket: (flow, payload) => {
        if (!ids.includes(flow.id)) ids.push(flow.id);
        flow.onIdle(() => idle.resolve());
        flow.send(payload);
      },
    },
    { udpIdleMs: 200, maxUdpFlows: 1 },
  );
  const socket = dgram.createSocket('udp4');
  for (const payload of ['one', 'two']) {
    socket.send(payload, otherPort, service);
    await once(socket, 'message');
  }
  // The table holds one flow, so this one is dropped. The next answer comes through the first flow's socket again.
  socket.send('three', otherPort + 1, service);
  while (relay.nat.stats().udpFlowsRefused === 0) await delay(10);
  const flowsBefore = relay.nat.stats().udpFlows;
  await idle.promise;
  const flowsAfter = relay.nat.stats().udpFlows;
  socket.close();
  await relay.stop();
  return { flowsBefore, flowsAfter, ids };
}

async function ping(): Promise<unknown> {
  const before = await isPingAnswered(service);
  await echo(service);
  return { before, after: await isPingAnswered(service), stranger: await isPingAnswered('10.96.0.11') };
}

async function deviceRemoved(): Promise<unknown> {
  const gone = deferred<string>();
  const relay = await TestRelay.start({ onDeviceGone: (error) => gone.resolve(error.code) });
  const removedAtMs = performance.now();
  deleteTestTun();
  const code = await gone.promise;
  const withinASecond = performance.now() - removedAtMs < 1_000;
  await relay.stop();
  return { code, withinASecond };
}

async function stopScenario(): Promise<unknown> {
  // The first use of koffi, workers and sockets opens descriptors that Node keeps; the second run must add none.
  await withRelay(() => echo(service));
  const before = descriptors();
  const relay = await TestRelay.start();
  await echo(service);
  const startedMs = performance.now();
  await relay.nat.stop();
  const stopMs = performance.now() - startedMs;
  await relay.nat.stop();
  await relay.stop();
  await delay(0);
  return { stopMs, leftDescriptors: descriptors() - before, exitListeners: process.listenerCount('exit') };
}

async function exitScenario(): Promise<unknown> {
  await TestRelay.start();
  await echo(service);
  process.stdout.write(JSON.stringify({ exitedAtMs: Date.now() }));
  process.exit(0);
}

function descriptors(): number {
  return fs.readdirSync('/proc/self/fd').length;
}

const name = process.argv[2] ?? '';
const scenario = scenarios[name];
if (scenario === undefined) throw new Error(`No scenario ${name}`);
process.stdout.write(JSON.stringify(await scenario()));
