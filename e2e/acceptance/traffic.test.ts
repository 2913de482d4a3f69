import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { runClient, tryConnect } from '../support/client-program.ts';
import { Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { service } from '../workloads/manifests.ts';
import { streamPorts } from '../workloads/world.ts';

const missing = missingForProduct();
const isIpv6 = missing === undefined && (await hasIpv6());

describe.skipIf(missing !== undefined)(titled('traffic', missing), () => {
  let bed: Bed;
  let host: string;
  beforeAll(async () => {
    bed = await createBed('traffic');
    host = `streams.${bed.world.namespace}`;
    await bed.product.connect();
  });
  afterAll(async () => await bed?.close());

  it('carries datagrams both ways, small and large', async () => {
    for (const bytes of [1, 512, 1400, 8000]) {
      expect(await runClient(bed.laptop, 'udp-echo', [host, streamPorts.echo, 20, bytes]), `${bytes} bytes`).toEqual({
        sent: 20,
        equal: 20,
      });
    }
  });

  it('refuses a closed port within a second', async () => {
    const { namespace, webPods } = bed.world;
    for (const [target, port] of [
      [`web.${namespace}`, 81],
      [webPods[0]?.ip ?? '', 8999],
    ] as const) {
      const result = await tryConnect(bed.laptop, target, port);
      expect(result.outcome, `${target}:${port}`).toBe('ECONNREFUSED');
      expect(result.ms, `${target}:${port}`).toBeLessThan(1_000);
    }
  });

  it('refuses a service without endpoints within a second', async () => {
    const result = await tryConnect(bed.laptop, `nobody.${bed.world.namespace}`, 80);
    expect(result.outcome).toMatch(/ECONNREFUSED|EHOSTUNREACH/);
    expect(result.ms).toBeLessThan(1_000);
  });

  it('does not look connected to an address where nobody is', async () => {
    // An address beside those of the pods, which nothing has been given. (One beside those of services may lead out of the cluster.)
    const nobody = bed.world.streamsIp.replace(/\.\d+$/, '.254');
    expect((await tryConnect(bed.laptop, nobody, 80, 8_000)).outcome).not.toBe('connected');
  });

  it('passes half-closed connections on in both directions', async () => {
    const token = `token ${Date.now()}`;
    const result = await runClient(bed.laptop, 'half-close', [host, streamPorts.echo, streamPorts.halfClosed, token]);
    expect(result).toEqual({ echoed: token, greeting: 'hello\n' });
    const received = await bed.laptop.must(['curl', '--silent', `http://${host}:${streamPorts.control}/received`]);
    expect(JSON.parse(received)).toContain(token);
  });

  it('passes a reset on', async () => {
    const script = `const s = require('net').connect(${streamPorts.reset}, '${host}', () => s.write('x')); s.on('error', (e) => console.log(e.code)); s.on('close', () => console.log('closed'))`;
    expect(await bed.laptop.must(['node', '-e', script], { timeoutMs: 10_000 })).toBe('ECONNRESET\nclosed\n');
  });

  it('connects again and again from one source port after the server closed first', async () => {
    expect(await runClient(bed.laptop, 'source-port', [host, streamPorts.goodbye, 100])).toEqual({ answered: 100 });
  });

  it('keeps 1,000 connections, idle first and busy then', async () => {
    const result = await runClient(bed.laptop, 'many-connections', [host, streamPorts.echo, 1000, 5_000], { timeoutMs: 100_000 });
    expect(result).toEqual({ opened: 1000, answered: 1000 });
    await curl(bed.laptop, 'http://web');
  });

  it('opens 500 short connections without a failure', async () => {
    const script = `for i in $(seq 500); do curl --silent --fail --max-time 5 -o /dev/null http://web || echo failed; done`;
    expect(await bed.laptop.must(['sh', '-c', script], { timeoutMs: 110_000 })).toBe('');
  });

  it.skipIf(!isIpv6)(titled('reaches pods and services by IPv6', isIpv6 ? undefined : 'the cluster has no IPv6'), async () => {
    const { cluster, world, laptop } = bed;
    const both = service(world.namespace, 'web-both', [{ name: 'http', port: 80, targetPort: 'http' }], { app: 'web' });
    await cluster.apply([{ ...both, spec: { ...(both['spec'] as object), ipFamilyPolicy: 'RequireDualStack' } }]);
    const script = `require('dns').lookup('web-both', { family: 6 }, (e, a) => console.log(e ?? a))`;
    const address = (await laptop.must(['node', '-e', script])).trim();
    expect(address).toContain(':');
    await eventually('the Service leads somewhere', async () => {
      expect((await curl(laptop, `http://[${address}]`)).pod).toMatch(/^web-/);
    });
    expect((await curl(laptop, 'http://web-both')).pod).toMatch(/^web-/);
    const [pod] = await cluster.readyPods(world.namespace, 'web');
    const podIp = pod?.status.podIPs?.find(({ ip }) => ip.includes(':'))?.ip ?? '';
    expect((await curl(laptop, `http://[${podIp}]:8080`)).pod).toBe(pod?.metadata.name);
    expect((await tryConnect(laptop, podIp, 8999)).outcome).toBe('ECONNREFUSED');
  });
});

async function hasIpv6(): Promise<boolean> {
  const cluster = Cluster.fromSettings();
  try {
    return await cluster.hasIpv6();
  } finally {
    cluster.close();
  }
}
