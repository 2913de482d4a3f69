import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LaptopSnapshot, networkOf } from '../laptop/laptop-snapshot.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { clientProgram } from '../support/client-program.ts';
import { eventually } from '../support/eventually.ts';
import type { Outcome } from '../support/program.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { streamPorts } from '../workloads/world.ts';

const missing = missingForProduct();

describe.skipIf(missing !== undefined)(titled('rootless', missing), () => {
  let bed: Bed;
  let before: LaptopSnapshot;
  const inside = (...command: readonly string[]): Promise<Outcome> => bed.product.run(['shell', '--', ...command]);
  const get = (url: string) => inside('curl', '--silent', '--show-error', '--fail', '--max-time', '5', url);

  beforeAll(async () => {
    bed = await createBed('rootless');
    await bed.product.quit();
    await bed.laptop.openTunForAll();
    before = await bed.laptop.snapshot();
    await bed.product.connect('--rootless');
  });
  afterAll(async () => await bed?.close());

  it('starts no privileged helper, and changes nothing of the laptop', async () => {
    expect(networkOf(await bed.laptop.snapshot())).toEqual(networkOf(before));
    expect((await bed.product.status()).root_daemon).toMatchObject({ running: false });
    expect((await bed.laptop.run(['curl', '--silent', '--max-time', '2', `http://web.${bed.world.namespace}`])).code).not.toBe(0);
  });

  it('gives a shell the names and addresses of the cluster, TCP and UDP', async () => {
    const { world, cluster } = bed;
    for (const host of ['web', `web.${world.namespace}`, await cluster.clusterIp(world.namespace, 'web')]) {
      expect(JSON.parse((await get(`http://${host}`)).stdout), host).toMatchObject({
        pod: expect.stringMatching(/^web-/) as unknown,
      });
    }
    const udp = await inside(...clientProgram('udp-echo', 'streams', streamPorts.echo, 5, 500));
    expect(JSON.parse(udp.stdout)).toMatchObject({ equal: 5 });
  });

  it('runs commands as the same user in the same folder, and passes exit codes on', async () => {
    const { uid, home } = bed.laptop;
    expect((await inside('sh', '-c', 'id -u; pwd; exit 7')).code).toBe(7);
    expect((await inside('sh', '-c', 'id -u')).stdout.trim()).toBe(String(uid));
    expect((await bed.product.run(['shell', '--', 'pwd'], { cwd: home })).stdout.trim()).toBe(home);
    expect((await bed.product.fails(['shell', '--use', 'none'])).code).toBe('connection.none');
  });

  it('leaves the ordinary network as it is, TCP, UDP and names', async () => {
    const { server } = bed.cluster;
    const api = await inside(
      'curl',
      '--silent',
      '--insecure',
      '--max-time',
      '5',
      `https://${server.host}:${server.port}/version`,
    );
    expect(api.stdout).toContain('gitVersion');
    const outside = await inside('getent', 'ahostsv4', 'example.com');
    expect(outside.stdout).toContain('192.0.2.80');
    const asked = await inside('dig', '+short', '+time=2', '+tries=1', `@${bed.laptop.gateway}`, 'intranet.corp');
    expect(asked.stdout.trim()).toBe('192.0.2.90');
    const closed = await inside('curl', '--silent', '--max-time', '5', `http://${bed.laptop.gateway}:9`);
    expect(closed.code, 'refused').toBe(7);
  });

  it('comes back in the same namespace when the daemon is killed', async () => {
    const held = bed.laptop.spawn([settings.product, 'shell', '--', 'sleep', '600']);
    const link = async () => (await inside('readlink', '/proc/self/ns/net')).stdout.trim();
    const namespace = await link();
    await bed.laptop.signal('SIGKILL', /daemon(\/main\.ts|\.js)/);
    await bed.product.run(['list-namespaces']);
    await bed.product.waitForState('on', 15_000);
    await eventually('a shell is in the cluster again', async () => expect((await get('http://web')).code).toBe(0), {
      timeoutMs: 10_000,
    });
    expect(await link()).toBe(namespace);
    held.kill();
  });

  it('leaves nothing behind', async () => {
    await bed.product.quit();
    expect(await bed.laptop.snapshot()).toEqual(before);
    const { code, stdout } = await bed.product.run([
      'connect',
      '--rootless',
      '--',
      'curl',
      '--silent',
      '--max-time',
      '5',
      'http://web',
    ]);
    expect([code, stdout]).toEqual([0, expect.stringContaining('"pod":"web-')]);
    await bed.product.quit();
    expect(await bed.laptop.snapshot()).toEqual(before);
  });
});
