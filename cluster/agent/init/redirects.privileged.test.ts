import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findObstacle, NetworkPod, networkPodConfig, type Place, v4, v6 } from '../testing/network-pod.ts';

/** The app answers with the port that it was reached at and the address that it was reached from. */
const obstacle = findObstacle();

describe.skipIf(obstacle !== undefined)(`redirects of a pod${obstacle === undefined ? '' : `, skipped: ${obstacle}`}`, () => {
  let bed: NetworkPod;

  /** What the app says to a caller in the namespace: `<port> <caller's address>`; the error's code where there is no answer. */
  const ask = (place: Place, protocol: 'tcp' | 'udp', host: string, port: number) =>
    bed.inside(place, process.execPath, '-e', caller, protocol, host, String(port)).trim();

  beforeAll(async () => {
    bed = NetworkPod.create();
    const port = (containerPort: number, agentPort: number, protocol: string, more = {}) => ({
      containerPort,
      agentPort,
      protocol,
      services: [],
      mode: 'redirect',
      ...more,
    });
    const config = networkPodConfig([
      port(8_080, 9_900, 'TCP', { probePort: 9_950 }),
      port(8_080, 9_900, 'UDP'),
      port(9_090, 9_901, 'TCP'),
    ]);
    await bed.start('pod', [process.execPath, '-e', app], 'listening');
    // Twice, as where the pod's sandbox is started again.
    for (let run = 0; run < 2; run += 1) bed.runInit(config);
    await bed.startAgent(config);
  });

  afterAll(async () => await bed.stop());

  it.each([v4, v6])('bring callers from outside to the agent, which reaches the app ($pod)', (address) => {
    expect(ask('neighbour', 'tcp', address.pod, 8_080)).toBe(`8080 ${address.pod}`);
    expect(ask('neighbour', 'tcp', address.pod, 9_090)).toBe(`9090 ${address.pod}`);
  });

  it('bring datagrams to the agent, which answers from the address that was asked', () => {
    expect(ask('neighbour', 'udp', v4.pod, 8_080)).toBe(`8080 ${v4.pod}`);
    // The agent is told the pod's first address only.
    expect(ask('neighbour', 'udp', v6.pod, 8_080)).toBe(`8080 ${v4.pod}`);
    expect(ask('pod', 'udp', v4.pod, 8_080)).toBe(`8080 ${v4.pod}`);
  });

  it('bring calls of the pod to its own address to the agent', () => {
    expect(ask('pod', 'tcp', v4.pod, 8_080)).toBe(`8080 ${v4.pod}`);
    expect(ask('pod', 'tcp', v6.pod, 8_080)).toBe(`8080 ${v6.pod}`);
    // The app cannot tell the two ways apart; the kernel still lists the agent's ends of the connections.
    const ended = bed.inside('pod', 'ss', '-Htan', 'sport', '=', ':9900').replaceAll(/::ffff:|[[\]]/g, '');
    for (const address of [v4.pod, v6.pod]) expect(ended).toMatch(new RegExp(`${address}:9900 +${address}:`));
  });

  it('leave the loopback to the pod', () => {
    expect(ask('pod', 'tcp', '127.0.0.1', 8_080)).toBe('8080 127.0.0.1');
    expect(ask('pod', 'tcp', '::1', 8_080)).toBe('8080 ::1');
  });

  it('lead probes past the agent', () => {
    expect(ask('neighbour', 'tcp', v4.pod, 9_950)).toBe(`8080 ${v4.neighbour}`);
    expect(ask('neighbour', 'tcp', v6.pod, 9_950)).toBe(`8080 ${v6.neighbour}`);
  });

  it('show a port without a listener as closed', () => {
    expect(ask('neighbour', 'tcp', v4.pod, 7_070)).toBe('ECONNREFUSED');
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
