import http2 from 'node:http2';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Manager } from '#protocol/cluster/generated/manager_pb.js';
import { clientSessionOptions } from '#net/tunnel/http2-options.ts';
import { openTunnel, managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import { unpackAnswers } from '#net/dns/packed-records.ts';
import { parseIp } from '#base/common/ip.ts';
const url = process.argv[2] ?? 'http://127.0.0.1:18081';
const c = createClient(Manager, createGrpcTransport({ baseUrl: url }));
console.log(await c.version({}));
const session = await c.arriveAsClient({
  name: 'me@x',
  namespace: 'kube-system',
  installId: 'i',
  product: 'telepresence',
  version: '0.1.0',
});
console.log(session);
await c.remain({ session });
for await (const i of c.watchClusterInfo(session)) {
  console.log(JSON.stringify(i, (k, v) => (v instanceof Uint8Array ? [...v].join('.') : v)));
  break;
}
for await (const i of c.watchWorkloads({ sessionInfo: session })) {
  console.log(JSON.stringify(i.events));
  break;
}
for (const [n, t] of [
  ['kube-dns.kube-system.svc.cluster.local.', 1],
  ['kube-dns.kube-system.svc.cluster.local.', 28],
  ['kube-dns.kube-system.', 1],
  ['kube-dns.', 1],
  ['nosuch.kube-system.', 1],
  ['_dns._udp.kube-dns.kube-system.svc.cluster.local.', 33],
  ['10.0.96.10.in-addr.arpa.', 12],
  ['1.0.96.10.in-addr.arpa.', 12],
  ['example.com.', 1],
] as const) {
  const t0 = performance.now();
  const r = await c.lookupDNS({ session, name: n, type: t });
  console.log(n, t, r.rCode, JSON.stringify(unpackAnswers(Buffer.from(r.rrs))), (performance.now() - t0).toFixed(1));
}
const h2 = http2.connect(url, clientSessionOptions);
const t = openTunnel(h2, managerTunnelPath, {
  connectionId: {
    source: { ip: parseIp('198.18.0.1')!, port: 4000 },
    destination: { ip: parseIp('10.96.0.10')!, port: 9153 },
    protocol: 'tcp',
  },
  sessionId: session.sessionId,
  dialTimeoutMs: 5000,
  roundtripMs: 0,
});
await t.dialled;
t.write('GET /metrics HTTP/1.0\r\n\r\n');
let n = 0;
for await (const chunk of t) n += chunk.length;
console.log('tunnel bytes', n);
const bad = openTunnel(h2, managerTunnelPath, {
  connectionId: {
    source: { ip: parseIp('198.18.0.1')!, port: 4001 },
    destination: { ip: parseIp('10.96.0.10')!, port: 9999 },
    protocol: 'tcp',
  },
  sessionId: session.sessionId,
  dialTimeoutMs: 1000,
  roundtripMs: 0,
});
bad.on('error', () => {});
await bad.dialled.catch((e) => console.log('rejected', e.message));
const bad2 = openTunnel(h2, managerTunnelPath, {
  connectionId: {
    source: { ip: parseIp('198.18.0.1')!, port: 4001 },
    destination: { ip: parseIp('10.96.0.10')!, port: 9999 },
    protocol: 'tcp',
  },
  sessionId: 'nosuch',
  dialTimeoutMs: 1000,
  roundtripMs: 0,
});
bad2.on('error', () => {});
await bad2.dialled.catch((e) => console.log('rejected', e.message));
await c.remain({ session: { sessionId: 'x' } }).catch((e) => console.log(e.message));
await c.prepareIntercept({ session }).catch((e) => console.log(e.message));
console.log(Object.keys((await c.getLogs({ trafficManager: true })).podLogs));
await c.depart(session);
h2.close();
process.exit(0);
