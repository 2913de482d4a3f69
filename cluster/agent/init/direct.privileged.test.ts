import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  agentGroupId,
  findObstacle,
  managerPort,
  NetworkPod,
  networkPodConfig,
  type Place,
  type PlacedProgram,
  v4,
  v6,
} from '../testing/network-pod.ts';

/** The app answers each line with the caller's address, but for `hold`: then it waits for another. The agent calls from the pod's address. */
const obstacle = findObstacle();
const seconds = { timeout: 20_000, interval: 50 };

describe.skipIf(obstacle !== undefined)(`idle agents${obstacle === undefined ? '' : `, skipped: ${obstacle}`}`, () => {
  let bed: NetworkPod;
  let agent: PlacedProgram;
  let manager: PlacedProgram;
  const port = (containerPort: number, agentPort: number, more = {}) => ({
    containerPort,
    agentPort,
    protocol: 'TCP',
    services: [],
    mode: 'redirect',
    idlePath: 'direct',
    ...more,
  });
  const config = networkPodConfig([port(8_080, 9_900, { probePort: 9_950 }), port(9_090, 9_901)]);

  const connect = async (host: string, number = 8_080, place: Place = 'neighbour') =>
    await bed.start(place, [process.execPath, '-e', caller, host, String(number)], 'connected');

  async function ask(host: string, number = 8_080, place: Place = 'neighbour'): Promise<string> {
    const connection = await connect(host, number, place);
    try {
      return await connection.tell('hello');
    } finally {
      await connection.kill();
    }
  }

  async function leave(): Promise<void> {
    await manager.tell('none');
    await vi.waitFor(async () => expect(await ask(v4.pod)).toBe(v4.neighbour), seconds);
  }

  beforeAll(async () => {
    bed = NetworkPod.create();
    await bed.start('pod', [process.execPath, '-e', app], 'listening');
    for (let run = 0; run < 2; run += 1) bed.runInit(config);
    const program = new URL('../testing/manager-program.ts', import.meta.url).pathname;
    manager = await bed.start('neighbour', [process.execPath, program, v4.neighbour, String(managerPort)], 'listening');
    agent = await bed.startAgent(config);
  });
  afterAll(async () => await bed.stop());
  afterEach(leave, 30_000);

  it.each([v4, v6])('are not in the path while nobody intercepts ($pod)', async (address) => {
    expect(await ask(address.pod)).toBe(address.neighbour);
    expect(await ask(address.pod, 9_090)).toBe(address.neighbour);
    expect(await ask(address.pod, 8_080, 'pod')).toBe(address.pod);
    expect(bed.inside('pod', 'ss', '-Htan', 'sport', '=', ':9900')).not.toContain(address.pod);
  });

  it.each([v4, v6])('are in it from the moment that an intercept is active, for its port ($pod)', async (address) => {
    await manager.tell('8080');
    expect(await ask(address.pod)).toBe(address.pod);
    expect(await ask(address.pod, 9_090)).toBe(address.neighbour);
    // Probes and the loopback are the app's.
    expect(await ask(address.pod, 9_950)).toBe(address.neighbour);
    expect(await ask('127.0.0.1', 8_080, 'pod')).toBe('127.0.0.1');
    const inside = await connect(address.pod, 8_080, 'pod');
    expect(await inside.tell('hello')).toBe(address.pod);
    expect(bed.inside('pod', 'ss', '-Htan', 'sport', '=', ':9900')).toContain(address.pod);
    await inside.kill();
  });

  it.each([
    ['neighbour', v4],
    ['neighbour', v6],
    ['pod', v4],
    ['pod', v6],
  ] as const)('have connections that a caller kept reset at its next request: %s, $pod', async (place, address) => {
    const [kept, other] = [await connect(address.pod, 8_080, place), await connect(address.pod, 9_090, place)];
    expect(await kept.tell('hello')).toBe(address[place]);
    expect(await other.tell('hello')).toBe(address[place]);
    await quiet(bed);
    await manager.tell('8080');
    expect(await kept.tell('hello')).toBe('ECONNRESET');
    expect(await other.tell('hello')).toBe(address[place]);
  });

  it('have a request that is longer than a packet reset as a whole', async () => {
    const kept = await connect(v4.pod);
    expect(await kept.tell('hello')).toBe(v4.neighbour);
    await quiet(bed);
    await manager.tell('8080');
    expect(await kept.tell('x'.repeat(100_000))).toBe('ECONNRESET');
  });

  it.each([v4, v6])(
    'leave what is under way with the app, until it is quiet ($pod)',
    async (address) => {
      const [kept, late] = [await connect(address.pod), await connect(address.pod)];
      kept.write('hold');
      late.write('hold');
      await vi.waitFor(() => expect(underway(bed)).toBe(2), seconds);
      await manager.tell('8080');
      expect(await kept.tell('more')).toBe(`held ${address.neighbour}`);
      await quiet(bed, 1);
      expect(await kept.tell('hello')).toBe('ECONNRESET');
      // The other has never an answer: it goes on for ten seconds, and no longer.
      let end = '';
      const reset = late.saying('ECONNRESET').then((said) => (end = said));
      await vi.waitFor(() => {
        late.write('hold');
        expect(end).toBe('ECONNRESET');
      }, seconds);
      await reset;
    },
    30_000,
  );

  it('cannot be brought into the path by others', async () => {
    const send = (group: number, address: string) =>
      bed.inside('pod', 'setpriv', '--regid', String(group), '--clear-groups', process.execPath, '-e', datagram, address).trim();
    expect(send(1_000, '127.116.112.1')).toBe('sent');
    expect(await ask(v4.pod)).toBe(v4.neighbour);
    expect(send(agentGroupId, '127.116.112.1')).toBe('EPERM');
    expect(await ask(v4.pod)).toBe(v4.pod);
    expect(send(1_000, '127.116.112.3')).toBe('sent');
    expect(await ask(v4.pod)).toBe(v4.pod);
    expect(send(agentGroupId, '127.116.112.3')).toBe('EPERM');
    expect(await ask(v4.pod)).toBe(v4.neighbour);
  });

  it('are out of the path seconds after they died, and in it again when they are back', async () => {
    await manager.tell('8080');
    expect(await ask(v4.pod)).toBe(v4.pod);
    await agent.kill();
    await vi.waitFor(async () => expect(await ask(v4.pod)).toBe(v4.neighbour), seconds);
    agent = await bed.startAgent(config);
    await vi.waitFor(async () => expect(await ask(v4.pod)).toBe(v4.pod), seconds);
  }, 30_000);
});

describe.skipIf(obstacle !== undefined)('idle agents where the kernel refuses', () => {
  it('are in the path, and the init container says so', async () => {
    const bed = NetworkPod.create();
    const directory = mkdtempSync(join(tmpdir(), 'tpagent-nft-'));
    try {
      const [real, refusing] = [join(directory, 'nft'), join(directory, 'refusing')];
      copyFileSync('/usr/sbin/nft', real);
      const refusal = 'echo "Error: Could not process rule: Operation not supported" >&2; exit 1';
      const script = `#!/bin/sh\nrules=$(cat)\ncase $rules in *dynamic*) ${refusal};; esac\necho "$rules" | ${real} "$@"\n`;
      writeFileSync(refusing, script, { mode: 0o755 });
      await bed.start('pod', [process.execPath, '-e', app], 'listening');
      const config = networkPodConfig([
        { containerPort: 8_080, agentPort: 9_900, protocol: 'TCP', services: [], mode: 'redirect', idlePath: 'direct' },
      ]);
      expect(bed.runInit(config, refusing)).toMatch(/"warn".*cannot pass the agent by.*Operation not supported/);
      await bed.startAgent(config);
      const connection = await bed.start('neighbour', [process.execPath, '-e', caller, v4.pod, '8080'], 'connected');
      expect(await connection.tell('hello')).toBe(v4.pod);
    } finally {
      await bed.stop();
      rmSync(directory, { recursive: true });
    }
  });
});

/** Connections on which something is under way. */
function underway(bed: NetworkPod): number {
  const sets = ['underway4', 'underway6'].map((name) => bed.inside('pod', 'nft', 'list', 'set', 'inet', 'telepresence', name));
  return [...sets.join('').matchAll(/expires/g)].length;
}

async function quiet(bed: NetworkPod, expected = 0): Promise<void> {
  await vi.waitFor(() => expect(underway(bed)).toBe(expected), seconds);
}

const app = `
const { createInterface } = require('readline');
for (const port of [8080, 9090]) {
  require('net').createServer((socket) => {
    const address = socket.remoteAddress.replace('::ffff:', '');
    let held = '';
    socket.on('error', () => undefined);
    createInterface({ input: socket }).on('error', () => undefined).on('line', (line) => {
      if (line === 'hold') held = 'held ';
      else { socket.write(held + address + '\\n'); held = ''; }
    });
  }).listen(port, '::', () => port === 9090 && console.log('listening'));
}
`;

const caller = `
const [host, port] = process.argv.slice(1);
const say = (text) => process.stdout.write(text + '\\n');
const socket = require('net').connect({ host, port: Number(port) }, () => { isConnected = true; say('connected'); });
let isConnected = false;
let ended = '';
socket.on('error', ({ code }) => say(ended = code)).on('close', () => {
  ended ||= 'closed';
  // Such as a port where nobody listens any more.
  if (!isConnected) process.exit(1);
});
require('readline').createInterface({ input: socket }).on('error', () => undefined).on('line', say);
require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  if (ended !== '') say(ended); else socket.write(line + '\\n');
});
`;

const datagram = `
const socket = require('dgram').createSocket('udp4');
socket.send('', 8080, process.argv[1], (error) => { console.log(error === null ? 'sent' : error.code); socket.close(); });
`;
