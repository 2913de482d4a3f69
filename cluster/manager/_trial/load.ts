import http2 from 'node:http2';
import net from 'node:net';
import { readFileSync } from 'node:fs';
import { createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import { Manager } from '#protocol/cluster/generated/manager_pb.js';
import { clientSessionOptions, connectionWindowBytes } from '#net/tunnel/http2-options.ts';
import { openTunnel, managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import { parseIp } from '#base/common/ip.ts';
const [mode = 'down', count = '8', seconds = '4', pid = ''] = process.argv.slice(2);
const url = 'http://127.0.0.1:18081';
const c = createClient(Manager, createGrpcTransport({ baseUrl: url }));
const session = await c.arriveAsClient({
  name: 'me@x',
  namespace: 'kube-system',
  installId: 'i',
  product: 'telepresence',
  version: '0.1.0',
});
const rss = () => {
  try {
    const s = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Math.round(Number(/VmRSS:\s+(\d+)/.exec(s)![1]) / 1024);
  } catch {
    return 0;
  }
};
let peak = 0;
const watcher = setInterval(() => {
  peak = Math.max(peak, rss());
}, 100);
const block = Buffer.alloc(65536);
let upBytes = 0;
const server = net.createServer({ noDelay: true }, (s) => {
  s.on('error', () => {});
  if (mode === 'down' || mode === 'slow') {
    const w = () => {
      while (s.writable && s.write(block));
    };
    s.on('drain', w);
    w();
    s.resume();
  } else if (mode === 'up')
    s.on('data', (b) => {
      upBytes += b.length;
    });
  else if (mode === 'upslow') s.pause();
  else s.pipe(s);
});
await new Promise<void>((r) => server.listen(0, '0.0.0.0', r));
const port = (server.address() as net.AddressInfo).port;
const h2 = http2.connect(url, clientSessionOptions);
await new Promise((r) => h2.once('connect', r));
h2.setLocalWindowSize(connectionWindowBytes);
console.log('rss before', rss());
let bytes = 0;
const tunnels = [];
const t0 = performance.now();
for (let i = 0; i < Number(count); i += 1) {
  const t = openTunnel(h2, managerTunnelPath, {
    connectionId: {
      source: { ip: parseIp('198.18.0.1')!, port: 4000 + i },
      destination: { ip: parseIp('192.0.2.2')!, port },
      protocol: 'tcp',
    },
    sessionId: session.sessionId,
    dialTimeoutMs: 5000,
    roundtripMs: 0,
  });
  t.on('error', () => {});
  tunnels.push(t);
  t.dialled.then(
    () => {
      if (mode === 'down')
        t.on('data', (b: Buffer) => {
          bytes += b.length;
        });
      else if (mode === 'up' || mode === 'upslow') {
        const w = () => {
          while (!t.destroyed && t.write(block));
        };
        t.on('drain', w);
        w();
        t.resume();
      } else if (mode === 'pingpong') {
        let left = 300;
        t.on('data', () => {
          if (left-- > 0) t.write('x');
        });
        t.write('x');
      }
    },
    (e) => console.log('dial', e.message),
  );
}
await Promise.all(tunnels.map((t) => t.dialled.catch(() => {})));
console.log('dialled', tunnels.length, 'in', Math.round(performance.now() - t0), 'ms, rss', rss());
await new Promise((r) => setTimeout(r, Number(seconds) * 1000));
const dt = (performance.now() - t0) / 1000;
console.log(mode, count, 'Gbit/s', (((bytes + upBytes) * 8) / dt / 1e9).toFixed(2), 'rss', rss(), 'peak', peak);
for (const t of tunnels) t.destroy();
await new Promise((r) => setTimeout(r, 3000));
console.log('after close rss', rss());
await c.depart(session);
clearInterval(watcher);
h2.destroy();
server.close();
process.exit(0);
