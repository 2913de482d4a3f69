import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/**
 * A pod and its neighbour as two network namespaces with a cable between them; the agent runs as in a pod, with a group of its own. The
 * app answers with the port that it was reached at and the address that it was reached from.
 */
const obstacle = findObstacle();
const agentGroupId = 7_439;
const [v4, v6] = [
  { pod: '10.99.7.2', neighbour: '10.99.7.1' },
  { pod: 'fd99:7::2', neighbour: 'fd99:7::1' },
];

describe.skipIf(obstacle !== undefined)(`redirects of a pod${obstacle === undefined ? '' : `, skipped: ${obstacle}`}`, () => {
  const [pod, neighbour] = ['pod', 'peer'].map((kind) => `tpagent-${kind}-${randomBytes(3).toString('hex')}`) as [string, string];
  const processes: ChildProcess[] = [];

  const inside = (namespace: string, ...command: string[]) =>
    execFileSync('ip', ['netns', 'exec', namespace, ...command], { encoding: 'utf8', stdio: 'pipe' });

  async function start(namespace: string, command: string[], ready: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
    const child = spawn('ip', ['netns', 'exec', namespace, ...command], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    processes.push(child);
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`${command.join(' ')} ended with ${code}`)));
      createInterface({ input: child.stdout }).on('line', (line) => line.includes(ready) && resolve());
    });
  }

  /** What the app says to a caller in the namespace: `<port> <caller's address>`; the error's code where there is no answer. */
  const ask = (namespace: string, protocol: 'tcp' | 'udp', host: string, port: number) =>
    inside(namespace, process.execPath, '-e', caller, protocol, host, String(port)).trim();

  beforeAll(async () => {
    for (const namespace of [pod, neighbour]) execFileSync('ip', ['netns', 'add', namespace]);
    inside(pod, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', neighbour);
    for (const [namespace, side] of [
      [pod, 'pod'],
      [neighbour, 'neighbour'],
    ] as const) {
      inside(namespace, 'ip', 'address', 'add', `${v4[side]}/24`, 'dev', 'eth0');
      inside(namespace, 'ip', 'address', 'add', `${v6[side]}/64`, 'dev', 'eth0', 'nodad');
      inside(namespace, 'ip', 'link', 'set', 'lo', 'up');
      inside(namespace, 'ip', 'link', 'set', 'eth0', 'up');
    }
    const port = (containerPort: number, agentPort: number, protocol: string, more = {}) => ({
      containerPort,
      agentPort,
      protocol,
      services: [],
      mode: 'redirect',
      ...more,
    });
    const config = JSON.stringify({
      workload: { kind: 'Deployment', name: 'shop' },
      namespace: 'prod',
      managerHost: v4.neighbour,
      managerPort: 8_081,
      managerNamespace: 'ambassador',
      agentImage: 'agent:1',
      logLevel: 'info',
      apiPort: 9_800,
      healthPort: 9_801,
      agentGroupId,
      containers: [
        {
          name: 'main',
          mountPoint: '/m',
          envPrefix: '_TEL_APP_A_',
          mounts: [],
          ports: [port(8_080, 9_900, 'TCP', { probePort: 9_950 }), port(8_080, 9_900, 'UDP'), port(9_090, 9_901, 'TCP')],
        },
      ],
    });
    const main = new URL('../main.ts', import.meta.url).pathname;
    const env = { AGENT_CONFIG: config, _TEL_AGENT_POD_IP: v4.pod, _TEL_AGENT_NAME: 'shop-1' };
    await start(pod, [process.execPath, '-e', app], 'listening');
    // Twice, as where the pod's sandbox is started again.
    for (let run = 0; run < 2; run += 1) {
      execFileSync('ip', ['netns', 'exec', pod, process.execPath, main, 'init'], {
        env: { ...process.env, ...env },
        stdio: 'pipe',
      });
    }
    const asAgent = ['setpriv', '--regid', String(agentGroupId), '--clear-groups'];
    await start(pod, [...asAgent, process.execPath, main], 'Listening', env);
  });

  afterAll(async () => {
    for (const child of processes) {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
    }
    for (const namespace of [pod, neighbour]) execFileSync('ip', ['netns', 'delete', namespace]);
  });

  it.each([v4, v6])('bring callers from outside to the agent, which reaches the app ($pod)', (address) => {
    expect(ask(neighbour, 'tcp', address.pod, 8_080)).toBe(`8080 ${address.pod}`);
    expect(ask(neighbour, 'tcp', address.pod, 9_090)).toBe(`9090 ${address.pod}`);
  });

  it('bring datagrams to the agent, which answers from the address that was asked', () => {
    expect(ask(neighbour, 'udp', v4.pod, 8_080)).toBe(`8080 ${v4.pod}`);
    // The agent is told the pod's first address only.
    expect(ask(neighbour, 'udp', v6.pod, 8_080)).toBe(`8080 ${v4.pod}`);
    expect(ask(pod, 'udp', v4.pod, 8_080)).toBe(`8080 ${v4.pod}`);
  });

  it('bring calls of the pod to its own address to the agent', () => {
    expect(ask(pod, 'tcp', v4.pod, 8_080)).toBe(`8080 ${v4.pod}`);
    expect(ask(pod, 'tcp', v6.pod, 8_080)).toBe(`8080 ${v6.pod}`);
    // The app cannot tell the two ways apart; the kernel still lists the agent's ends of the connections.
    const ended = inside(pod, 'ss', '-Htan', 'sport', '=', ':9900').replaceAll(/::ffff:|[[\]]/g, '');
    for (const address of [v4.pod, v6.pod]) expect(ended).toMatch(new RegExp(`${address}:9900 +${address}:`));
  });

  it('leave the loopback to the pod', () => {
    expect(ask(pod, 'tcp', '127.0.0.1', 8_080)).toBe('8080 127.0.0.1');
    expect(ask(pod, 'tcp', '::1', 8_080)).toBe('8080 ::1');
  });

  it('lead probes past the agent', () => {
    expect(ask(neighbour, 'tcp', v4.pod, 9_950)).toBe(`8080 ${v4.neighbour}`);
    expect(ask(neighbour, 'tcp', v6.pod, 9_950)).toBe(`8080 ${v6.neighbour}`);
  });

  it('show a port without a listener as closed', () => {
    expect(ask(neighbour, 'tcp', v4.pod, 7_070)).toBe('ECONNREFUSED');
  });
});

const app = `
const bare = (address) => address.replace('::ffff:', '');
for (const port of [8080, 9090]) {
  require('net').createServer((socket) => socket.end(port + ' ' + bare(socket.remoteAddress))).listen(port, '::');
}
const udp = require('dgram').createSocket('udp6');
udp.on('message', (_, { address, port }) => udp.send('8080 ' + bare(address), port, address));
udp.bind(8080, '::', () => console.log('listening'));
`;

const caller = `
const [protocol, host, port] = process.argv.slice(1);
const fail = (error) => { console.log(error.code); process.exit(); };
if (protocol === 'tcp') {
  const socket = require('net').connect({ host, port: Number(port) });
  socket.on('error', fail).on('data', (data) => console.log(String(data)));
} else {
  const socket = require('dgram').createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.connect(Number(port), host, () => socket.send('hello'));
  socket.on('error', fail).on('message', (data) => { console.log(String(data)); socket.close(); });
}
setTimeout(() => fail({ code: 'no answer' }), 3000).unref();
`;

function findObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  for (const program of ['/usr/sbin/nft', '/usr/bin/setpriv']) if (!existsSync(program)) return `${program} is not installed`;
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'network namespaces are not available';
  }
}
