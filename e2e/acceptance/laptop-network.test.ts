import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NameServer } from '../laptop/name-server.ts';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { createWorld, type World } from '../workloads/world.ts';

const missing = missingForProduct();

interface StatusWithHealth {
  readonly health?: readonly {
    readonly code: string;
    readonly remedies: readonly { readonly label: string; readonly command?: string }[];
  }[];
}

describe.skipIf(missing !== undefined)(titled("the laptop's own network", missing), () => {
  let bed: Bed;
  let other: World;
  beforeAll(async () => {
    bed = await createBed('laptopnet');
    other = await createWorld(bed.cluster, 'laptopnet-other');
  });
  beforeEach(async () => await bed.product.quit());
  afterAll(async () => {
    await other?.remove();
    await bed?.close();
  });

  const codes = async (...flags: string[]) =>
    ((await bed.product.json<StatusWithHealth>(['status', ...flags])).health ?? []).map(({ code }) => code);

  it('stops TCP with a firewall that drops what comes in, which status says, until the firewall lets it in', async () => {
    const { laptop, product, world } = bed;
    const asRoot = async (script: string) => await laptop.must(['sh', '-c', script], { as: 'root' });
    await asRoot(
      'nft add table inet fw && nft add chain inet fw input "{ type filter hook input priority 0; policy accept; }" && ' +
        'nft add rule inet fw input iifname "tel*" ct state new drop',
    );
    try {
      await product.connect();
      const { health = [] } = await product.json<StatusWithHealth>(['status']);
      const blocked = health.find(({ code }) => code === 'interface.blocked');
      expect(blocked?.remedies.map(({ command }) => command)).toContain('sudo ufw allow in on tel0');
      expect((await laptop.run(['curl', '--silent', '--max-time', '2', `http://web.${world.namespace}`])).code).not.toBe(0);
    } finally {
      await asRoot('nft delete table inet fw');
    }
    await eventually('the condition goes', async () => {
      if ((await codes()).includes('interface.blocked')) throw new Error('it is still there');
    });
    await curl(laptop, `http://web.${world.namespace}`);
    await product.quit();
  });

  it('asks other name servers as soon as DHCP or a VPN has brought them', async () => {
    const { laptop, product, world } = bed;
    const next = new NameServer({ A: { 'intranet.corp': '192.0.2.190' } });
    const address = '203.0.113.53';
    await laptop.addOutsideAddress(address, true);
    await next.listen(address);
    const write = async (server: string) =>
      await laptop.must(['sh', '-c', `printf 'nameserver ${server}\\noptions timeout:1\\n' >/etc/resolv.conf`], { as: 'root' });
    const intranet = async () => (await laptop.must(['getent', 'ahostsv4', 'intranet.corp'])).split(/\s/)[0];
    try {
      await product.connect();
      expect(await intranet()).toBe('192.0.2.90');
      await write(address);
      await eventually('the new name server is asked, and the cluster still is', async () => {
        await curl(laptop, `http://web.${world.namespace}`, 2);
        expect(await intranet()).toBe('192.0.2.190');
      });
    } finally {
      await product.quit();
      await write(laptop.gateway);
      next.close();
    }
  });

  it('resolves the names of two connections at once', async () => {
    const { laptop, product, world } = bed;
    await product.connect('--name', 'one', '--mapped-namespaces', world.namespace);
    await product.connect('--name', 'two', '--namespace', other.namespace, '--mapped-namespaces', other.namespace);
    for (const name of ['one', 'two']) expect(await codes('--use', name)).not.toContain('dns.verify-failed');
    const podOf = async (host: string) => (await curl(laptop, `http://${host}`)).pod;
    expect(world.webPods.map(({ name }) => name)).toContain(await podOf(`web.${world.namespace}`));
    expect(other.webPods.map(({ name }) => name)).toContain(await podOf(`web.${other.namespace}`));
    // The newer one's.
    expect(other.webPods.map(({ name }) => name)).toContain(await podOf('web'));
    expect((await laptop.must(['getent', 'ahostsv4', 'intranet.corp'])).split(/\s/)[0]).toBe('192.0.2.90');
    await product.must(['quit', '--use', 'two']);
    expect(world.webPods.map(({ name }) => name)).toContain(await podOf('web'));
    await product.quit();
  });
});
