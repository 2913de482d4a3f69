import { chmod } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { doctorCheckIds } from '#protocol/local-api/doctor-checks.ts';
import type { DoctorCheck } from '#protocol/local-api/model.ts';
import type { LaptopRunOptions } from '../laptop/laptop.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { createOrdinaryUser } from '../support/ordinary-user.ts';
import { managerFlags, productProcesses } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();

describe.skipIf(missing !== undefined)(titled('doctor', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('doctor', { isWorldEmpty: true });
    await bed.product.quit();
  });
  afterEach(async () => await bed.product.quit());
  afterAll(async () => await bed?.close());

  /** The checks by their ids, with the exit code of the command. */
  async function diagnose(args: readonly string[] = [], options: LaptopRunOptions = {}) {
    const { stdout, code } = await bed.product.run(['--output', 'json', 'doctor', ...managerFlags(), ...args], options);
    const { checks } = JSON.parse(stdout) as { readonly checks: readonly DoctorCheck[] };
    const of = (id: (typeof doctorCheckIds)[number]): DoctorCheck => {
      const found = checks.find((check) => check.id === id);
      if (found === undefined) throw new Error(`no check ${id} in ${stdout}`);
      return found;
    };
    return { code, ids: checks.map(({ id }) => id), checks, of };
  }

  /** Trouble without a way out of it is of no use to anybody. */
  function expectRemedies(checks: readonly DoctorCheck[]): void {
    for (const { id, status, reason, remedies } of checks) {
      expect(reason, id).not.toBe('');
      if (status === 'warn' || status === 'fail') expect(remedies, `${id}: ${reason}`).not.toHaveLength(0);
    }
  }

  async function isWell(isConnected: boolean): Promise<void> {
    const { code, ids, checks, of } = await diagnose();
    expect(ids).toEqual(doctorCheckIds);
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(code).toBe(0);
    expectRemedies(checks);
    for (const id of ['helper', 'tun', 'dns', 'routes', 'proxy', 'clock', 'api', 'manager', 'rbac', 'webhook'] as const) {
      expect(of(id), id).toMatchObject({ status: 'pass' });
    }
    expect(of('dns').reason).toMatch(isConnected ? /kubernetes\.default\.svc\.\S+ is \d/ : /^Not connected/);
    expect(of('api').reason).toMatch(/Kubernetes v1\.\d+.*, \d+ ms away/);
    expect(of('auth-plugin')).toMatchObject({ status: 'not-applicable' });
  }

  it('finds nothing in the way before and while there is a connection, and says so to a person', async () => {
    await isWell(false);
    await bed.product.connect();
    await isWell(true);
    const { stdout } = await bed.product.must(['doctor', ...managerFlags(), 'api', 'dns', 'proxy']);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.replace(/^(\S+ +.*\([\w-]+\)):.*$/, '$1')),
    ).toEqual(['ok    DNS, end to end (dns)', 'ok    Proxy variables (proxy)', 'ok    API server (api)']);
    expect((await bed.product.fails(['doctor', 'health'])).code).toBe('usage');
  });

  it('knows what a paused connection and one without root are without', async () => {
    const { laptop, product } = bed;
    await product.connect();
    await product.must(['pause']);
    const paused = await diagnose();
    expect(paused.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(paused.of('dns')).toMatchObject({ status: 'not-applicable', reason: expect.stringContaining('paused') as unknown });
    await product.quit();
    await laptop.openTunForAll();
    await product.connect('--rootless');
    const rootless = await diagnose();
    expect(rootless.checks.filter(({ status }) => status === 'fail')).toEqual([]);
    expect(rootless.of('helper')).toMatchObject({ status: 'not-applicable' });
    expect(rootless.of('dns')).toMatchObject({ status: 'pass' });
  });

  it('tells when look-ups of programs do not arrive any more', async () => {
    const { laptop, product } = bed;
    const before = await laptop.snapshot();
    await product.connect();
    const { mode } = (await product.status()).root_daemon.dns ?? {};
    const undo =
      mode === 'nftables'
        ? 'nft list tables | sed "s/^table/delete table/" | nft -f -'
        : `printf 'nameserver ${laptop.gateway}\\n' > /etc/resolv.conf`;
    await laptop.must(['sh', '-c', undo], { as: 'root' });
    const { code, checks, of } = await diagnose();
    expect(code).toBe(1);
    expect(of('dns')).toMatchObject({ status: 'fail' });
    expectRemedies(checks);
    const text = await product.run(['doctor', 'dns']);
    expect(text.code).toBe(1);
    expect(text.stdout).toMatch(/^FAIL {2}DNS, end to end \(dns\): .+\n +do: /);
    await product.quit();
    expect(await laptop.snapshot()).toEqual(before);
  });

  it('tells when the helper has ended under a connection, and what it names brings that back', async () => {
    const { laptop, product } = bed;
    await product.connect();
    // Else the daemon starts another one by itself, sooner or later.
    const sudo = (await laptop.must(['sh', '-c', 'command -v sudo'])).trim();
    expect(sudo, 'is of this laptop alone').toContain(laptop.name);
    await chmod(sudo, 0o644);
    const { code, of } = await (async () => {
      await laptop.signal('SIGKILL', productProcesses.helper);
      await product.waitForState('trouble', 5_000);
      return await diagnose(['helper']);
    })().finally(async () => await chmod(sudo, 0o755));
    expect(code).toBe(1);
    expect(of('helper')).toMatchObject({ status: 'fail', remedies: [{ command: 'telepresence connect' }] });
    await laptop.must(['sh', '-c', of('helper').remedies[0]?.command ?? '']);
    await product.waitForState('on', 10_000);
    expect((await diagnose(['helper', 'dns'])).code).toBe(0);
  });

  it('tells a kubeconfig that is wrong from a server that does not answer, once', async () => {
    const { laptop, context } = bed;
    const noFile = await diagnose(['--kubeconfig', `${laptop.home}/none`]);
    expect(noFile.code).toBe(1);
    expect(noFile.of('api')).toMatchObject({ status: 'fail', reason: expect.stringContaining('none') as unknown });
    const noContext = await diagnose(['--context', 'e2a']);
    expect(noContext.of('api')).toMatchObject({ status: 'fail', reason: expect.stringMatching(/e2a[^]*e2e/) as unknown });
    const cluster = { ...context.cluster, server: 'https://127.0.0.1:1' };
    await laptop.writeFile('closed', kubeconfigText({ closed: { ...context, cluster } }));
    const closed = await diagnose(['--kubeconfig', `${laptop.home}/closed`]);
    expect(closed.of('api')).toMatchObject({ status: 'fail', reason: expect.stringContaining('127.0.0.1:1') as unknown });
    const { token: _token, ...rest } = context.user;
    const user = { ...rest, 'client-certificate-data': undefined, 'client-key-data': undefined, token: 'no-such-token' };
    await laptop.writeFile('stranger', kubeconfigText({ stranger: { ...context, user } }));
    const stranger = await diagnose(['--kubeconfig', `${laptop.home}/stranger`]);
    expect(stranger.checks.filter(({ status }) => status === 'fail').length).toBeGreaterThan(0);
    expect(JSON.stringify(stranger.checks)).not.toContain('no-such-token');
    for (const { code, checks, of } of [noFile, noContext, closed, stranger]) {
      expect(code).toBe(1);
      expectRemedies(checks);
      for (const id of ['manager', 'rbac', 'webhook'] as const) expect(of(id).status, `${id}: ${of(id).reason}`).not.toBe('pass');
    }
    for (const { checks } of [noFile, noContext, closed]) {
      expect(checks.filter(({ status }) => status === 'fail').map(({ id }) => id)).toEqual(['api']);
    }
  });

  it('names the rights that a user is without', async () => {
    const { laptop, cluster, world, context } = bed;
    const user = await createOrdinaryUser(cluster, 'nobody', world.namespace, {});
    await laptop.writeFile('nobody', kubeconfigText({ nobody: { ...context, user } }));
    const { code, checks, of } = await diagnose(['--kubeconfig', `${laptop.home}/nobody`]);
    expect(code).toBe(1);
    expect(of('api')).toMatchObject({ status: 'pass' });
    expect(of('rbac')).toMatchObject({
      status: 'fail',
      reason: expect.stringContaining(`in namespace ${settings.managerNamespace}`) as unknown,
    });
    for (const right of ['get services', 'list pods', 'create pods/portforward']) expect(of('rbac').reason).toContain(right);
    expect(of('manager')).toMatchObject({ status: 'warn' });
    expect(of('webhook')).toMatchObject({ status: 'not-applicable' });
    expectRemedies(checks);
    const none = await diagnose(['--manager-namespace', world.namespace, 'manager']);
    expect(none.of('manager')).toMatchObject({ status: 'fail', reason: expect.stringContaining(world.namespace) as unknown });
    expect(none.code).toBe(1);
  });

  it('warns of a proxy that does not know the names of the cluster', async () => {
    const proxied = { HTTPS_PROXY: 'http://user:hunter2@127.0.0.1:3128' };
    const { code, of, checks } = await diagnose([], { env: proxied });
    expect(code, 'warnings are no failure').toBe(0);
    expect(of('proxy')).toMatchObject({ status: 'warn', reason: expect.stringContaining('HTTPS_PROXY') as unknown });
    expect(JSON.stringify(checks)).not.toContain('hunter2');
    const [remedy] = of('proxy').remedies;
    const excepted = await bed.laptop.must(['bash', '-c', `${remedy?.command ?? ''}; printf %s "$NO_PROXY"`], {
      env: { NO_PROXY: 'localhost' },
    });
    expect(excepted).toMatch(/^localhost,\.svc,/);
    const heeded = await diagnose(['proxy'], { env: { ...proxied, NO_PROXY: excepted } });
    expect(heeded.of('proxy')).toMatchObject({ status: 'pass' });
  });
});
