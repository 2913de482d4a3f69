import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { objectSnapshot } from '../support/object-snapshot.ts';
import { productProcesses } from '../support/product.ts';
import { killGroup } from '../support/program.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

describe.skipIf(missing !== undefined)(titled('install', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('install', { isWithoutManager: true });
    await bed.cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: managerNamespace } }]);
  });
  beforeEach(async () => {
    if (await isInstalled()) await bed.product.uninstall();
    await eventually('no pod is left', async () => expect(await bed.cluster.pods(managerNamespace)).toEqual([]), {
      timeoutMs: 60_000,
    });
  });
  afterAll(async () => {
    try {
      await bed?.product.ensureManager(bed.cluster);
    } finally {
      await bed?.close();
    }
  });

  async function isInstalled(): Promise<boolean> {
    return (await bed.cluster.find('Deployment', 'traffic-manager', managerNamespace)) !== undefined;
  }

  /** Everything cluster-wide, and what is in the namespaces that matter here: others come and go. */
  async function objects(): Promise<readonly string[]> {
    const mine = new Set(['', managerNamespace, 'kube-system', bed.world.namespace]);
    return (await objectSnapshot(bed.cluster.kube, (namespace) => !mine.has(namespace))).filter(
      (object) => !object.startsWith('namespaces '),
    );
  }

  it('installs, upgrades and uninstalls, and leaves no object behind', async () => {
    const { product, laptop } = bed;
    const before = await objects();
    await product.install();
    const added = (await objects()).filter((object) => !before.includes(object));
    expect(added).toContain(`deployments ${managerNamespace}/traffic-manager`);
    await product.connect();
    await curl(laptop, `http://web.${bed.world.namespace}`);

    const upgrade = await product.json<{ readonly revision: number }>([
      'helm',
      'upgrade',
      '--namespace',
      managerNamespace,
      '--set',
      'logLevel=debug',
    ]);
    expect(upgrade.revision).toBe(2);
    await eventually('it answers after the upgrade', async () => await curl(laptop, `http://web.${bed.world.namespace}`), {
      timeoutMs: 60_000,
    });
    await product.quit();

    await product.uninstall();
    await eventually(
      'no object is left',
      async () => expect((await objects()).filter((object) => !before.includes(object))).toEqual([]),
      {
        timeoutMs: 60_000,
      },
    );
    expect(before.filter((object) => !object.startsWith('pods '))).toEqual(
      (await objects()).filter((object) => !object.startsWith('pods ')),
    );
  });

  it('changes nothing on a dry run', async () => {
    const before = await objects();
    const dry = await bed.product.json<{ readonly manifest: string }>([
      'helm',
      'install',
      '--namespace',
      managerNamespace,
      '--dry-run',
    ]);
    expect(dry.manifest).toContain('kind: Deployment');
    expect(await objects()).toEqual(before);
  });

  it('refuses a second installation and says what to do instead', async () => {
    await bed.product.install();
    const failure = await bed.product.fails(['helm', 'install', '--namespace', managerNamespace]);
    expect(failure).toMatchObject({ code: 'install.conflict', exitCode: 8 });
    expect(failure.words).toContain('helm upgrade');
  });

  it('says so where there is nothing to uninstall or to upgrade', async () => {
    for (const command of ['uninstall', 'upgrade']) {
      const failure = await bed.product.fails(['helm', command, '--namespace', managerNamespace]);
      expect(failure, command).toMatchObject({ code: 'install.not-found', exitCode: 6 });
    }
  });

  it('names the values that do not fit', async () => {
    const before = await objects();
    for (const [setting, name] of [
      ['apiPort=many', 'apiPort'],
      ['logLevel=loud', 'logLevel'],
      ['noSuchValue=1', 'noSuchValue'],
    ] as const) {
      const failure = await bed.product.fails(['helm', 'install', '--namespace', managerNamespace, '--set', setting]);
      expect(failure, setting).toMatchObject({ code: 'install.values-invalid', exitCode: 2 });
      expect(failure.words, setting).toContain(name);
    }
    const lint = await bed.product.run(['helm', 'lint', '--set', 'apiPort=many']);
    expect(lint.code).not.toBe(0);
    expect(`${lint.stdout}${lint.stderr}`).toContain('apiPort');
    expect(await objects()).toEqual(before);
  });

  it('says why an image cannot be pulled, and leaves nothing behind', { timeout: 180_000 }, async () => {
    const before = await objects();
    const failure = await bed.product.fails(
      [
        'helm',
        'install',
        '--namespace',
        managerNamespace,
        '--set',
        'image.registry=registry.invalid',
        '--set',
        'image.tag=0.0.0-absent',
      ],
      { timeoutMs: 150_000 },
    );
    expect(failure).toMatchObject({ code: 'install.failed', exitCode: 6 });
    expect(failure.words).toMatch(/registry\.invalid/);
    expect(failure.words).toMatch(/ErrImagePull|ImagePullBackOff|ErrImageNeverPull|pull/);
    await eventually(
      'nothing is left',
      async () => expect((await objects()).filter((object) => !before.includes(object))).toEqual([]),
      { timeoutMs: 60_000 },
    );
  });

  it('says that a quota forbids the pod', { timeout: 180_000 }, async () => {
    // An installation that was taken back may have left its namespace on the way out.
    await eventually(
      'the namespace can be used',
      async () => {
        const namespace = await bed.cluster.find('Namespace', managerNamespace);
        if (JSON.stringify(namespace?.['status'] ?? {}).includes('Terminating')) throw new Error('it is being terminated');
        if (namespace === undefined) {
          await bed.cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: managerNamespace } }]);
        }
      },
      { timeoutMs: 60_000 },
    );
    await bed.cluster.apply([
      {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'no-pods', namespace: managerNamespace },
        spec: { hard: { pods: '0' } },
      },
    ]);
    try {
      await eventually('the quota counts', async () => {
        const quota = await bed.cluster.find('ResourceQuota', 'no-pods', managerNamespace);
        expect(quota?.['status']).toMatchObject({ hard: { pods: '0' } });
      });
      const failure = await bed.product.fails(['helm', 'install', '--namespace', managerNamespace], { timeoutMs: 150_000 });
      expect(failure).toMatchObject({ code: 'install.failed', exitCode: 6 });
      expect(failure.words).toContain('quota');
      expect(failure.words).toContain('no-pods');
    } finally {
      await bed.cluster.delete('ResourceQuota', 'no-pods', managerNamespace);
    }
  });

  it('can be installed after an installation that was interrupted', { timeout: 180_000 }, async () => {
    for (const [signal, afterMs] of [
      ['SIGINT', 700],
      ['SIGKILL', 900],
    ] as const) {
      const child = bed.laptop.spawn([settings.product, 'helm', 'install', '--namespace', managerNamespace]);
      const ended = once(child, 'exit');
      await sleep(afterMs);
      killGroup(child, signal);
      await ended;
      await bed.laptop.signal('SIGKILL', productProcesses.daemon);
      const again = await bed.product.run(['helm', 'install', '--namespace', managerNamespace], { timeoutMs: 120_000 });
      if (again.code !== 0) {
        // It had got as far as being installed: then it says so, and an upgrade brings it into order.
        expect(`${again.stdout}${again.stderr}`).toContain('helm upgrade');
        await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace], { timeoutMs: 120_000 });
      }
      await bed.product.connect();
      await curl(bed.laptop, `http://web.${bed.world.namespace}`);
      await bed.product.quit();
      await bed.product.uninstall();
    }
  });
});
