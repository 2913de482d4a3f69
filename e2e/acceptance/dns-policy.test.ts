import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { askDns } from '../support/client-program.ts';
import { missingForProduct, titled } from '../support/settings.ts';

const missing = missingForProduct();

describe.skipIf(missing !== undefined)(titled('DNS policy', missing), () => {
  let bed: Bed;
  let full: string;
  beforeAll(async () => {
    bed = await createBed('dns');
    full = `web.${bed.world.namespace}.svc.cluster.local`;
    await bed.product.connect();
  });
  afterAll(async () => await bed?.close());

  /** Connects afresh with this in the user's `config.yml`. */
  async function connectWith(dns: Readonly<Record<string, unknown>>): Promise<void> {
    await bed.product.quit();
    await bed.product.writeConfig({ dns });
    await bed.product.connect();
  }

  it('answers an existing name asked for the other family with no error and no records', async () => {
    const [ipv4, ipv6] = await askDns(bed.laptop, full, 'A', 'AAAA');
    expect(ipv4).toMatchObject({
      rcode: 'NOERROR',
      answers: [{ data: await bed.cluster.clusterIp(bed.world.namespace, 'web') }],
    });
    if (!(await bed.cluster.hasIpv6())) expect(ipv6).toMatchObject({ rcode: 'NOERROR', answers: [] });
  });

  it('gives answers that live for seconds', async () => {
    const [reply] = await askDns(bed.laptop, full, 'A');
    expect(reply?.answers[0]?.ttl).toBeLessThanOrEqual(10);
  });

  it("answers SRV with port and target, and PTR with the service's name", async () => {
    const [srv] = await askDns(bed.laptop, `_http._tcp.${full}`, 'SRV');
    expect(srv).toMatchObject({ rcode: 'NOERROR', answers: [{ type: 'SRV', data: { port: 80, target: full } }] });
    const address = await bed.cluster.clusterIp(bed.world.namespace, 'web');
    const [ptr] = await askDns(bed.laptop, `${address.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR');
    expect(ptr).toMatchObject({ rcode: 'NOERROR', answers: [{ type: 'PTR', data: full }] });
  });

  it("answers PTR of its own address with the cluster's domain", async () => {
    const own = (await bed.product.status()).root_daemon.dns;
    const [ptr] = await askDns(bed.laptop, `${own?.remote_ip.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR');
    expect(ptr?.rcode).toBe('NOERROR');
    expect(String(ptr?.answers[0]?.data)).toContain('cluster.local');
  });

  it('says at once that wpad does not exist, and asks nobody about it', async () => {
    for (const name of ['wpad', `wpad.${bed.world.namespace}`, 'wpad.corp']) {
      const [reply] = await askDns(bed.laptop, name, 'A');
      expect(reply, name).toMatchObject({ rcode: 'NXDOMAIN' });
      expect(reply?.ms, name).toBeLessThan(200);
    }
    expect(bed.laptop.nameServer.asked.filter(({ name }) => name.startsWith('wpad'))).toEqual([]);
  });

  it('says NXDOMAIN for what nobody knows', async () => {
    for (const name of [
      `no-such-service.${bed.world.namespace}`,
      `no-such-service.${bed.world.namespace}.svc.cluster.local`,
      'no-such-host.corp',
    ]) {
      const [reply] = await askDns(bed.laptop, name, 'A');
      expect(reply, name).toMatchObject({ rcode: 'NXDOMAIN' });
    }
  });

  it('sends suffixes that are excluded by default, and names outside the cluster, to the former resolver with all record types', async () => {
    for (const name of ['example.com', 'db.internal.io', 'printer.lan']) {
      const [reply] = await askDns(bed.laptop, name, 'A');
      expect(reply, name).toMatchObject({ rcode: 'NOERROR' });
      expect(bed.laptop.nameServer.wasAsked(name), name).toBe(true);
    }
    const [text] = await askDns(bed.laptop, 'example.com', 'TXT');
    expect(JSON.stringify(text?.answers)).not.toBe('[]');
  });

  it('never asks the former resolver for names of the cluster', async () => {
    await curl(bed.laptop, `http://${full}`);
    expect(bed.laptop.nameServer.asked.filter(({ name }) => name.endsWith('.cluster.local') || name.endsWith('.svc'))).toEqual(
      [],
    );
  });

  it('lets an excluded suffix pass the cluster by, unless an included one is as long', async () => {
    const short = `web.${bed.world.namespace}`;
    await connectWith({ excludeSuffixes: [`.${bed.world.namespace}`] });
    expect((await askDns(bed.laptop, short, 'A'))[0]?.rcode).toBe('NXDOMAIN');
    expect(bed.laptop.nameServer.wasAsked(short)).toBe(true);
    // The cluster's own domain counts as included, whatever it ends in.
    await connectWith({ excludeSuffixes: ['.local'] });
    expect((await askDns(bed.laptop, full, 'A'))[0]).toMatchObject({ rcode: 'NOERROR' });
  });

  it('hides excluded names', async () => {
    await connectWith({ excludes: ['web', `web.${bed.world.namespace}`] });
    expect((await bed.laptop.run(['getent', 'hosts', 'web'])).code).toBe(2);
    expect((await askDns(bed.laptop, `web.${bed.world.namespace}`, 'A'))[0]?.rcode).toBe('NXDOMAIN');
    await curl(bed.laptop, `http://${full}`);
  });

  it('maps names to addresses and to other names', async () => {
    const { namespace } = bed.world;
    await connectWith({
      mappings: [
        { name: 'shop.mapped.example', aliasFor: `web.${namespace}.svc.cluster.local` },
        { name: 'pinned.mapped.example', aliasFor: '10.1.2.3' },
      ],
    });
    const [alias] = await askDns(bed.laptop, 'shop.mapped.example', 'A');
    expect(alias?.answers).toMatchObject([
      { type: 'CNAME', data: full },
      { type: 'A', data: await bed.cluster.clusterIp(namespace, 'web') },
    ]);
    expect((await curl(bed.laptop, 'http://shop.mapped.example')).pod).toMatch(/^web-/);
    expect((await askDns(bed.laptop, 'pinned.mapped.example', 'A'))[0]).toMatchObject({
      rcode: 'NOERROR',
      answers: [{ data: '10.1.2.3' }],
    });
  });
});
