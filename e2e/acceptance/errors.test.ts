import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { kubeconfigText, type WrittenContext } from '../support/kubeconfig.ts';
import { connectRules, createOrdinaryUser, developRules, type Rule, removeRights } from '../support/ordinary-user.ts';
import { managerFlags, productProcesses } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();

/** What a person did wrong, or met: the code, the exit code, and that the words name the thing. */
describe.skipIf(missing !== undefined)(titled('errors', missing), () => {
  let bed: Bed;
  const users = new Set<string>();
  beforeAll(async () => {
    bed = await createBed('errors');
  });
  afterEach(async () => {
    await bed.product.quit();
    await useContext({});
  });
  afterAll(async () => {
    for (const name of users) await removeRights(bed.cluster, name, settings.managerNamespace);
    await bed?.close();
  });

  async function useContext(change: Partial<WrittenContext>): Promise<void> {
    await bed.laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...bed.context, ...change } }));
  }

  /** A user with rights of these kinds, in the namespaces of the traffic-manager and of the world. */
  async function useRights(name: string, managerRules: readonly Rule[], worldRules: readonly Rule[]): Promise<void> {
    await useContext({ user: await createUser(`${name}-${bed.world.namespace}`, managerRules, worldRules) });
  }

  async function createUser(name: string, managerRules: readonly Rule[], worldRules: readonly Rule[]) {
    users.add(name);
    const rights = { [settings.managerNamespace]: managerRules, [bed.world.namespace]: worldRules };
    return await createOrdinaryUser(bed.cluster, name, bed.world.namespace, rights);
  }

  it('names the address of a cluster that cannot be reached', async () => {
    const refused = { ...bed.context.cluster, server: `https://${bed.laptop.gateway}:9` };
    await useContext({ cluster: refused });
    const failure = await bed.product.fails(['connect']);
    expect(failure).toMatchObject({ code: 'cluster.unreachable', exitCode: 4 });
    expect(failure.words).toContain(`${bed.laptop.gateway}:9`);
    expect(failure.durationMs).toBeLessThan(25_000);
  });

  it('gives up on a cluster that does not answer', async () => {
    // A neighbour that does not exist.
    await useContext({
      cluster: { ...bed.context.cluster, server: `https://${bed.laptop.gateway.replace(/\.1$/, '.201')}:6443` },
    });
    const failure = await bed.product.fails(['connect']);
    expect(failure.code).toBe('cluster.unreachable');
    expect(failure.durationMs).toBeLessThan(25_000);
  });

  it('says that a certificate is of somebody else', async () => {
    await useContext({ cluster: { ...bed.context.cluster, 'tls-server-name': 'elsewhere.example' } });
    expect(await bed.product.fails(['connect'])).toMatchObject({ code: 'cluster.certificate', exitCode: 4 });
  });

  it('says that credentials are expired or wrong', async () => {
    await useContext({ user: { token: 'this-is-no-token' } });
    expect(await bed.product.fails(['connect'])).toMatchObject({ code: 'cluster.unauthenticated', exitCode: 4 });
  });

  it('names a credential plugin that is missing, and one that fails with its own words', async () => {
    const exec = (command: string, args: readonly string[] = []) => ({
      exec: {
        apiVersion: 'client.authentication.k8s.io/v1',
        command,
        args,
        interactiveMode: 'Never',
        installHint: 'Install it with: get-it now',
      },
    });
    await useContext({ user: exec('no-such-plugin') });
    const absent = await bed.product.fails(['connect']);
    expect(absent).toMatchObject({ code: 'kubeconfig.auth-plugin-missing', exitCode: 4 });
    expect(absent.words).toContain('no-such-plugin');
    expect(absent.words).toContain('get-it now');
    await useContext({ user: exec('sh', ['-c', 'echo please log in >&2; exit 1']) });
    const failing = await bed.product.fails(['connect']);
    expect(failing).toMatchObject({ code: 'kubeconfig.auth-plugin-failed', exitCode: 4 });
    expect(failing.words).toContain('please log in');
  });

  it('works with a credential plugin that works', async () => {
    const { token } = await createUser(`by-plugin-${bed.world.namespace}`, connectRules, developRules);
    const credential = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token },
    });
    await useContext({
      user: {
        exec: {
          apiVersion: 'client.authentication.k8s.io/v1',
          command: 'sh',
          args: ['-c', `echo '${credential}'`],
          interactiveMode: 'Never',
        },
      },
    });
    await bed.product.connect();
    await curl(bed.laptop, 'http://web');
  });

  it("connects with a developer's rights, and names the right that is missing", async () => {
    await useRights('enough', connectRules, developRules);
    await bed.product.connect();
    await curl(bed.laptop, 'http://web');
    await bed.product.quit();

    const withoutForward = connectRules.filter(({ resources }) => !resources.includes('pods/portforward'));
    await useRights('little', withoutForward, developRules);
    const failure = await bed.product.fails(['connect']);
    expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
    expect(failure.words).toContain('pods/portforward');
    expect(failure.words).toMatch(/\b(get|create)\b/);
    expect(failure.words).toContain(settings.managerNamespace);
  });

  it('names contexts, namespaces and files that do not exist', async () => {
    const context = await bed.product.fails(['connect', '--context', 'no-such-context']);
    expect(context).toMatchObject({ code: 'kubeconfig.no-context', exitCode: 4 });
    expect(context.words).toContain('no-such-context');
    // Root is asked for nothing that is refused anyway; SIGCONT finds processes and does them no harm.
    expect(await bed.laptop.signal('SIGCONT', productProcesses.helper)).toBe(0);
    expect(context.words).toContain('e2e');
    const namespace = await bed.product.fails(['connect', ...managerFlags(), '--namespace', 'no-such-namespace']);
    expect(namespace).toMatchObject({ code: 'cluster.namespace-not-found', exitCode: 4 });
    expect(namespace.words).toContain('no-such-namespace');
    const file = await bed.product.fails(['connect', '--kubeconfig', '/no/such/file']);
    expect(file).toMatchObject({ code: 'kubeconfig.unreadable', exitCode: 4 });
    expect(file.words).toContain('/no/such/file');
    await bed.laptop.writeFile('broken', 'clusters: [');
    expect(await bed.product.fails(['connect', '--kubeconfig', 'broken'])).toMatchObject({ code: 'kubeconfig.invalid' });
    await bed.laptop.writeFile('empty', '');
    expect((await bed.product.fails(['connect', '--kubeconfig', 'empty'])).code).toMatch(/^kubeconfig\./);
  });

  it('says how to install the traffic-manager where there is none', async () => {
    const failure = await bed.product.fails(['connect', '--manager-namespace', bed.world.namespace]);
    expect(failure).toMatchObject({ code: 'manager.not-installed', exitCode: 6 });
    expect(failure.words).toContain('helm install');
  });

  it('asks to quit first when connected with other flags, and leaves the connection alone', async () => {
    await bed.product.connect();
    const failure = await bed.product.fails(['connect', '--namespace', 'kube-system']);
    expect(failure).toMatchObject({ code: 'connection.must-restart', exitCode: 8 });
    expect(failure.words).toContain('telepresence quit');
    await curl(bed.laptop, 'http://web');
  });

  it('says so when there is no /dev/net/tun', async () => {
    await bed.laptop.must(['mount', '-t', 'tmpfs', 'tmpfs', '/dev/net'], { as: 'root' });
    try {
      const failure = await bed.product.fails(['connect']);
      expect(failure).toMatchObject({ code: 'interface.no-tun', exitCode: 7 });
      expect(failure.words).toContain('/dev/net/tun');
    } finally {
      await bed.laptop.must(['umount', '/dev/net'], { as: 'root' });
    }
  });

  it('says so where it gets no privileges', async () => {
    const failure = await bed.product.fails(['connect'], {
      env: { PATH: bed.laptop.environment['PATH']?.replace(/^[^:]+:/, '') },
    });
    expect(failure.exitCode).toBe(7);
    expect(failure.code).toMatch(/^helper\./);
    expect(failure.words).toContain('sudo');
  });

  it('names what is wrong with a command line', async () => {
    for (const [args, word] of [
      [['connect', '--also-proxy', 'not-a-subnet'], 'not-a-subnet'],
      [['connect', '--no-such-flag'], '--no-such-flag'],
      [['no-such-command'], 'no-such-command'],
      [['loglevel', 'loud'], 'loud'],
    ] as const) {
      const failure = await bed.product.fails([...args]);
      expect(failure.exitCode, args.join(' ')).toBe(2);
      expect(failure.words, args.join(' ')).toContain(word);
    }
  });

  it('names the key that is wrong in the configuration', async () => {
    await bed.product.writeConfig({ timeouts: { clusterConnect: 'soon' } });
    try {
      const outcome = await bed.product.run(['connect', ...managerFlags()]);
      expect(`${outcome.stdout}${outcome.stderr}`).toContain('clusterConnect');
    } finally {
      await bed.product.writeConfig({});
    }
  });

  it('leaves the laptop as it was after every failure', async () => {
    await bed.product.quit();
    const before = await bed.laptop.snapshot();
    await useContext({ user: { token: 'this-is-no-token' } });
    await bed.product.fails(['connect']);
    await bed.product.fails(['connect', '--context', 'no-such-context']);
    await bed.product.quit();
    expect(await bed.laptop.snapshot()).toEqual(before);
  });
});
