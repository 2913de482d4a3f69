import { spawnSync } from 'node:child_process';
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { openApi } from '../support/local-api.ts';
import { connectRules, createOrdinaryUser, developRules, type Rule, removeRights } from '../support/ordinary-user.ts';
import { mustRun } from '../support/program.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';

const missing = missingForProduct() ?? (spawnSync('unzip', ['-v']).error === undefined ? undefined : 'needs the program unzip');
const logRule: Rule = { apiGroups: [''], resources: ['pods/log'], verbs: ['get'] };

/** What must not be found, in the environment of the workload. */
const secrets = {
  API_TOKEN: 'a1b2c3d4e5f6a7b8c9d0',
  DATABASE_URL: 'postgres://shop:hunter2hunter2@db/shop',
  // A name that tells nothing, and a value that does.
  GREETING: `eyJhbGciOiJIUzI1NiJ9.${Buffer.from('{"sub":"e2e"}').toString('base64url')}.c2lnbmF0dXJlLW9mLW5vYm9keQ`,
};

describe.skipIf(missing !== undefined)(titled('gather-logs', missing), () => {
  let bed: Bed;
  let token = '';
  let pod = '';

  beforeAll(async () => {
    bed = await createBed('gather-logs', { isWorldEmpty: true });
    const { cluster, product, laptop, world, context } = bed;
    const { namespace } = world;
    await product.quit();
    const env = Object.entries(secrets).map(([name, value]) => ({ name, value }));
    const ports = [{ name: 'http', port: 8080 }];
    await cluster.apply([
      programConfigMap(namespace, 'shop', await bundleProgram('http-echo')),
      deployment(namespace, 'shop', { ports, env, readiness: { httpGet: { path: '/', port: 8080 } } }),
      service(namespace, 'shop', [{ name: 'http', port: 80, targetPort: 'http' }]),
    ]);
    await cluster.readyPods(namespace, 'shop');
    const rights = { [settings.managerNamespace]: [...connectRules, logRule], [namespace]: [...developRules, logRule] };
    const user = await createOrdinaryUser(cluster, `logs-${namespace}`, namespace, rights);
    token = String(user['token']);
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...context, user } }));
    await product.connect();
    await product.must(['loglevel', 'debug', '--duration', '1m']);
    const { api } = await openApi(laptop);
    const handler = { command: 'env; echo ready; sleep 600', directory: laptop.home, environment: {} };
    await api.call('intercept', {
      request: { name: 'shop', ports: [{ laptopPort: 8080, identifier: 'http' }], toPod: [], handler },
    });
    api.close();
    pod = (await cluster.readyPods(namespace, 'shop'))[0]?.metadata.name ?? '';
    await eventually('the handler has printed', async () => {
      await laptop.must(['sh', '-c', `grep -q ready ${laptop.home}/.local/state/telepresence/logs/handler-*`]);
    });
  });
  afterAll(async () => {
    for (const name of bed === undefined ? [] : ['logs', 'blind']) {
      await removeRights(bed.cluster, `${name}-${bed.world.namespace}`, settings.managerNamespace);
    }
    await bed?.close();
  });

  /** Entries of the archive that a command writes, by name, and what it printed. */
  async function gather(...flags: readonly string[]) {
    const { laptop, product } = bed;
    const file = join(laptop.home, 'logs.zip');
    const { stdout, stderr } = await product.must(['gather-logs', '--output-file', file, ...flags]);
    expect(stdout).toMatch(new RegExp(`^Logs have been written to ${file} \\(\\d+ files?\\)$`, 'm'));
    const { mode, uid } = await stat(file);
    expect([mode & 0o777, uid]).toEqual([0o600, laptop.uid]);
    const names = (await mustRun(['unzip', '-Z1', file])).trim().split('\n');
    const entries = new Map<string, string>();
    for (const name of names) entries.set(name, await mustRun(['unzip', '-p', file, name]));
    await rm(file);
    return { entries, names: names.toSorted(), all: [...names, ...entries.values()].join('\n'), notes: stderr };
  }

  function expectNoSecrets(all: string): void {
    for (const [name, value] of Object.entries({ ...secrets, token, DATABASE_URL: 'hunter2hunter2' })) {
      const at = all.indexOf(value);
      expect(at === -1 ? '' : all.slice(Math.max(0, at - 300), at + 40), `the secret ${name}`).toBe('');
    }
  }

  it('puts logs of laptop and cluster into a file that only the user reads, without secrets', async () => {
    const { entries, names, all } = await gather();
    const { namespace } = bed.world;
    const manager = names.find((name) => name.startsWith('traffic-manager-')) ?? '';
    expect(manager).toMatch(new RegExp(`^traffic-manager-\\S+\\.${settings.managerNamespace}\\.log$`));
    expect(names).toEqual(
      expect.arrayContaining([
        'daemon.log',
        `connection-e2e-${namespace}.log`,
        `handler-e2e-${namespace}-shop.log`,
        `${pod}.${namespace}.log`,
      ]),
    );
    expect(names.filter((name) => name.includes('error') || name.endsWith('.yaml'))).toEqual([]);
    for (const name of [manager, `${pod}.${namespace}.log`, 'daemon.log'])
      expect(entries.get(name)?.length, name).toBeGreaterThan(100);
    const handler = entries.get(`handler-e2e-${namespace}-shop.log`);
    expect(handler).toContain('API_TOKEN=[redacted]');
    expect(handler).toContain('ready');
    expectNoSecrets(all);
  });

  it('adds the YAML of the pods, without values of secrets', async () => {
    const { entries, names, all } = await gather('--get-pod-yaml');
    expect(names.filter((name) => name.endsWith('.yaml'))).toHaveLength(2);
    const yaml = entries.get(`${pod}.${bed.world.namespace}.yaml`) ?? '';
    expect(yaml).toContain(`name: ${pod}`);
    expect(yaml).toContain('name: traffic-agent');
    expectNoSecrets(all);
  });

  it('gives pods and namespaces other names, the same everywhere', async () => {
    const { names, all } = await gather('--anonymize', '--get-pod-yaml');
    const { namespace } = bed.world;
    expect(names).toEqual(expect.arrayContaining(['pod-1.namespace-1.log', 'pod-1.namespace-1.yaml']));
    for (const name of [pod, namespace]) {
      const at = all.indexOf(name);
      expect(at === -1 ? '' : all.slice(Math.max(0, at - 200), at + 60), name).toBe('');
    }
    expectNoSecrets(all);
  });

  it('takes what is asked for', async () => {
    const { namespace } = bed.world;
    expect((await gather('--daemons', 'None', '--traffic-agents', 'None')).names).toEqual([
      expect.stringMatching(/^traffic-manager-\S+\.log$/),
    ]);
    expect((await gather('--daemons', 'None', '--traffic-manager', 'false', '--traffic-agents', 'shop')).names).toEqual([
      `${pod}.${namespace}.log`,
    ]);
    const local = await gather('--daemons', 'user', '--traffic-manager=false', '--traffic-agents', 'None');
    expect(local.names.every((name) => /^(daemon|daemon-output|connection-.+|handler-.+)\.log(\.\d+)?$/.test(name))).toBe(true);
    expect((await bed.product.fails(['gather-logs', '--daemons', 'kernel'])).code).toBe('usage');
    expect((await bed.product.fails(['gather-logs', '--output-file', '/nowhere/logs.zip'])).code).toBe('usage');
  });

  it('says which logs it could not read, in their place', async () => {
    const { laptop, product, cluster, context, world } = bed;
    await product.quit();
    const rights = { [settings.managerNamespace]: connectRules, [world.namespace]: developRules };
    const user = await createOrdinaryUser(cluster, `blind-${world.namespace}`, world.namespace, rights);
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...context, user } }));
    await product.connect();
    const { entries, names, notes } = await gather();
    expect(names).toContain(`${pod}.${world.namespace}.log-error.txt`);
    expect(entries.get(`${pod}.${world.namespace}.log-error.txt`)).toMatch(/pods\/log/);
    expect(notes).toMatch(/pods\/log/);
  });

  it('works without a connection, and without a daemon, which it does not leave behind', async () => {
    await bed.product.must(['quit']);
    const unconnected = await gather();
    expect(unconnected.names).toContain('daemon.log');
    expect(unconnected.notes).toContain('Not connected to a cluster: only logs of the laptop');
    await bed.product.quit();
    const before = await bed.laptop.snapshot();
    const { names, all } = await gather();
    expect(names).toContain('daemon.log');
    expectNoSecrets(all);
    await eventually('the daemon is gone', async () => expect(await bed.laptop.snapshot()).toEqual(before), { timeoutMs: 3_000 });
  });
});
