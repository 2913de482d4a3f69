import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { productVersion } from '#base/common/version.ts';
import { KubeClient, type KubeRequest } from '#net/kube/kube-client.ts';
import { defaultImageName, defaultImageRegistry } from '#protocol/chart/values.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import { decodeRelease } from './helm-release.ts';
import { createInstallHandlers } from './install-handlers.ts';

const kubeconfig = process.env['KUBECONFIG'];
const image = process.env['INSTALL_TEST_IMAGE'] ?? `${defaultImageRegistry}/${defaultImageName}:${productVersion}`;
const missing = await missingForCluster();

/** A user's request; which cluster it is about is in the handlers' dependencies. */
type Change = Partial<Omit<CallInput<'install'>, 'values'>> & { readonly set?: readonly string[] };

interface List {
  readonly items: readonly {
    readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Record<string, string> };
  }[];
}

describe.skipIf(missing !== undefined)(
  `installing into a cluster${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: 120_000 },
  () => {
    const id = randomBytes(3).toString('hex');
    const namespace = `install-${id}`;
    let client: KubeClient;
    beforeAll(() => {
      client = openClient();
    });
    afterEach(async () => {
      await client.request({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}` }).catch(() => undefined);
      await until(async () => (await client.find(`/api/v1/namespaces/${namespace}`)) === undefined);
    });
    afterAll(() => client.close());

    const stages: string[] = [];
    const handlers = (installId = 'laptop', as?: string) =>
      createInstallHandlers({
        openCluster: () =>
          Promise.resolve({
            client: openClient(namespace, as),
            managerNamespace: 'ambassador',
            context: '',
          }),
        helmTimeoutMs: () => 60_000,
        imageRegistry: () => undefined,
        version: productVersion,
        installId,
        logger: silentLogger,
        runTask: (options, work) => work({ signal: options.signal, stage: (text) => stages.push(text) }),
      });
    const change = async (input: Change, signal = new AbortController().signal, installId?: string) => {
      const { set = [], ...rest } = input;
      // The own namespace only, so that it gets along with others in the same cluster.
      const expressions = [`namespaces={${namespace}}`, ...imageSettings(), ...set];
      const values = expressions.map((expression) => ({ kind: 'set' as const, expression }));
      const base = {
        kubeFlags: {},
        managerNamespace: namespace,
        action: 'install' as const,
        createNamespace: true,
        dryRun: false,
      };
      return await handlers(installId).install({ ...base, values, ...rest }, { emit: () => undefined, signal });
    };
    const uninstall = async (dryRun = false) =>
      await handlers().uninstall(
        { kubeFlags: {}, managerNamespace: namespace, dryRun },
        { emit: () => undefined, signal: new AbortController().signal },
      );
    const list = async (path: string, labelSelector?: string) =>
      (await client.request<List>({ method: 'GET', path, query: { labelSelector } })).items;
    const records = async () => await list(`/api/v1/namespaces/${namespace}/secrets`, 'owner=helm');
    const ownObjects = async () => {
      const label = 'app.kubernetes.io/part-of=telepresence';
      const rbac = '/apis/rbac.authorization.k8s.io/v1';
      const [core, apps, roles] = ['/api/v1', '/apis/apps/v1', rbac].map((base) => `${base}/namespaces/${namespace}`);
      const paths = [
        `${core}/services`,
        `${core}/configmaps`,
        `${core}/serviceaccounts`,
        `${core}/pods`,
        `${apps}/deployments`,
        `${apps}/replicasets`,
        `${roles}/roles`,
        `${roles}/rolebindings`,
      ];
      const found = await Promise.all(paths.map(async (path) => await list(path, label)));
      const cluster = (await list(`${rbac}/clusterroles`, label)).filter(({ metadata }) => metadata.name.endsWith(namespace));
      return [...found.flat(), ...cluster].map(({ metadata }) => metadata.name);
    };
    const createNamespace = async (labels: Record<string, string> = {}) =>
      await client.request({
        method: 'POST',
        path: '/api/v1/namespaces',
        body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } },
      });

    it('installs, upgrades, prunes and leaves nothing behind', async () => {
      const installed = await change({ set: ['prometheus.port=9090'] });
      expect(installed).toMatchObject({ version: productVersion, revision: 1, namespace });
      expect(await ownObjects()).toContain('traffic-manager-metrics');
      const failure = await failing(change({}));
      expect(failure).toMatchObject({ code: 'install.conflict' });
      expect(failure.remedies[0]?.command).toContain('helm upgrade');

      const upgraded = await change({ action: 'upgrade', set: ['logLevel=debug'] });
      expect(upgraded.revision).toBe(2);
      expect(await ownObjects()).not.toContain('traffic-manager-metrics');
      expect((await records()).map(({ metadata }) => metadata.labels?.['status'])).toEqual(['superseded', 'deployed']);
      const kept = await change({ action: 'upgrade', values: [] } as Change);
      expect(kept.manifest).toContain('value: debug');

      const dry = await uninstall(true);
      expect(dry.removed).toContain(`Deployment ${namespace}/traffic-manager`);
      const { removed } = await uninstall();
      expect(removed).toEqual([...dry.removed, `Namespace ${namespace}`]);
      await until(async () => (await client.find(`/api/v1/namespaces/${namespace}`)) === undefined);
      expect((await failing(uninstall())).code).toBe('install.not-found');
    });

    it('keeps a namespace that was there before, and the one that holds something else', async () => {
      await createNamespace();
      await change({});
      await uninstall();
      expect(await ownObjects()).toEqual([]);
      expect(await records()).toEqual([]);
      expect(await client.find(`/api/v1/namespaces/${namespace}`)).not.toHaveProperty('metadata.deletionTimestamp');
      await client.request({ method: 'DELETE', path: `/api/v1/namespaces/${namespace}` });
      await until(async () => (await client.find(`/api/v1/namespaces/${namespace}`)) === undefined);
      await change({});
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'something-else' } };
      await client.request({ method: 'POST', path: `/api/v1/namespaces/${namespace}/configmaps`, body });
      expect((await uninstall()).removed).not.toContain(`Namespace ${namespace}`);
      expect(await client.find(`/api/v1/namespaces/${namespace}`)).not.toHaveProperty('metadata.deletionTimestamp');
    });

    it('writes a manifest and touches nothing on a dry run', async () => {
      const { manifest } = await change({ dryRun: true });
      expect(manifest).toContain('kind: Deployment');
      expect(await client.find(`/api/v1/namespaces/${namespace}`)).toBeUndefined();
    });

    it('says why an image cannot be had, and takes everything back', async () => {
      const failure = await failing(change({ set: ['image.registry=registry.invalid', 'image.tag=0.0.0-absent'] }));
      expect(failure.code).toBe('install.failed');
      expect(failure.reason).toMatch(/ImagePullBackOff.*registry\.invalid/);
      await until(async () => (await client.find(`/api/v1/namespaces/${namespace}`)) === undefined);
    });

    it('goes back to the former revision when an upgrade does not start', async () => {
      await change({});
      const failure = await failing(
        change({ action: 'upgrade', set: ['image.pullPolicy=Never', 'image.tag=absent', 'prometheus.port=9090'] }),
      );
      expect(failure.reason).toContain('ErrImageNeverPull');
      expect((await records()).map(({ metadata }) => metadata.labels?.['status'])).toEqual(['deployed', 'failed']);
      expect(await ownObjects()).not.toContain('traffic-manager-metrics');
      const deployment = await client.find<{ status: { availableReplicas: number } }>(
        `/apis/apps/v1/namespaces/${namespace}/deployments/traffic-manager`,
      );
      expect(deployment?.status.availableReplicas).toBe(1);
      expect((await change({ action: 'upgrade' })).revision).toBe(3);
    });

    it('gives the last lines of a container that crashes', async () => {
      const failure = await failing(change({ set: ['podCIDRs={999.0.0.0/8}', 'podCIDRStrategy=environment'] }));
      expect(failure.reason).toMatch(/CrashLoopBackOff: the container ended with exit code 2/);
      expect(failure.reason).toContain('POD_CIDRS');
    });

    it('says that a quota forbids the pod', async () => {
      await createNamespace();
      const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'no-pods' }, spec: { hard: { pods: '0' } } };
      const path = `/api/v1/namespaces/${namespace}/resourcequotas`;
      await client.request({ method: 'POST', path, body: quota });
      await until(async () => (await client.find<{ status?: { hard?: object } }>(`${path}/no-pods`))?.status?.hard !== undefined);
      const failure = await failing(change({}));
      expect(failure.code).toBe('install.failed');
      expect(failure.reason).toContain('exceeded quota: no-pods');
      expect(await records()).toEqual([]);
    });

    it('starts where only restricted pods may run, and says so where a value is against it', async () => {
      await createNamespace({ 'pod-security.kubernetes.io/enforce': 'restricted' });
      const failure = await failing(change({ set: ['securityContext.allowPrivilegeEscalation=true'] }));
      expect(failure.reason).toContain('violates PodSecurity');
      await change({});
      await uninstall();
    });

    it('brings an interrupted installation into order', async () => {
      const abort = new AbortController();
      // A crash: nothing is rolled back. The record stays pending, which a lease of somebody else protects for a while.
      await change({});
      await setPending('elsewhere', Date.now() + 60_000);
      expect(await failing(change({}))).toMatchObject({
        code: 'install.conflict',
        reason: expect.stringContaining('pending-install') as string,
      });
      await setPending('laptop', Date.now() + 60_000);
      expect((await failing(change({ action: 'upgrade' }))).code).toBe('install.not-found');
      expect((await change({})).revision).toBe(1);
      await setPending('elsewhere', Date.now() - 1);
      await uninstall();
      await until(async () => (await client.find(`/api/v1/namespaces/${namespace}`)) === undefined);
      // A cancellation rolls back by itself.
      const cancelled = failing(change({ set: ['image.registry=registry.invalid'] }, abort.signal));
      await until(async () => (await ownObjects()).includes('traffic-manager'));
      abort.abort();
      expect((await cancelled).code).toBe('cancelled');
      await until(async () => (await client.find(`/api/v1/namespaces/${namespace}`)) === undefined);
    });

    it('leaves objects alone that are somebody else’s', async () => {
      await createNamespace();
      const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'traffic-manager' } };
      await client.request({ method: 'POST', path: `/api/v1/namespaces/${namespace}/configmaps`, body });
      const failure = await failing(change({}));
      expect(failure).toMatchObject({ code: 'install.conflict', message: expect.stringContaining('ConfigMap') as string });
      expect(await records()).toEqual([]);
    });

    it('names the right that is missing, and needs no more than a namespace’s administrator has', async () => {
      await createNamespace();
      const as = `somebody-${id}`;
      const input = {
        kubeFlags: { as },
        managerNamespace: namespace,
        action: 'install' as const,
        createNamespace: false,
        dryRun: false,
      };
      const values = (...expressions: readonly string[]) =>
        [...imageSettings(), ...expressions].map((expression) => ({ kind: 'set' as const, expression }));
      const context = { emit: () => undefined, signal: new AbortController().signal };
      const limited = handlers('laptop', as);
      const withoutAny = await failing(limited.install({ ...input, values: values() }, context));
      expect(withoutAny).toMatchObject({ code: 'cluster.forbidden', context: { verb: 'list', resource: 'secrets', namespace } });

      await client.request({
        method: 'POST',
        path: `/apis/rbac.authorization.k8s.io/v1/namespaces/${namespace}/rolebindings`,
        body: {
          metadata: { name: 'administrator' },
          roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'admin' },
          subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: as }],
        },
      });
      const clusterWide = await failing(limited.install({ ...input, values: values() }, context));
      expect(clusterWide).toMatchObject({
        code: 'cluster.forbidden',
        context: { verb: 'create', resource: 'clusterroles.rbac.authorization.k8s.io' },
      });
      expect(clusterWide.remedies[0]?.command).toContain(`--manager-namespace ${namespace} --set rbac.only=true --dry-run`);
      expect(await ownObjects()).toEqual([]);
      expect(await limited.install({ ...input, values: values(`namespaces={${namespace}}`) }, context)).toMatchObject({
        revision: 1,
      });
    });

    it('names the other traffic-manager where both would manage a namespace', async () => {
      await change({});
      const other = `${namespace}-b`;
      const input = { kubeFlags: {}, managerNamespace: other, action: 'install' as const, createNamespace: true, dryRun: false };
      const values = [`namespaces={${namespace}}`, ...imageSettings()].map((expression) => ({
        kind: 'set' as const,
        expression,
      }));
      const failure = await failing(
        handlers('laptop').install({ ...input, values }, { emit: () => undefined, signal: new AbortController().signal }),
      );
      expect(failure).toMatchObject({ code: 'install.conflict', message: expect.stringContaining(namespace) as string });
      expect(await client.find(`/api/v1/namespaces/${other}`)).toBeUndefined();
    });

    async function setPending(holder: string, untilMs: number): Promise<void> {
      const path = `/api/v1/namespaces/${namespace}/secrets/sh.helm.release.v1.traffic-manager.v1`;
      const secret = await client.find<{ data: { release: string } }>(path);
      const release = decodeRelease(secret?.data.release ?? '');
      const text = JSON.stringify({ ...release, info: { ...release.info, status: 'pending-install' } });
      const annotations = {
        'telepresence.io/operator': holder,
        'telepresence.io/operation-deadline': new Date(untilMs).toISOString(),
      };
      await client.request({
        method: 'PATCH',
        path,
        contentType: 'application/merge-patch+json',
        body: {
          metadata: { annotations, labels: { status: 'pending-install' } },
          data: { release: Buffer.from(Buffer.from(text).toString('base64')).toString('base64') },
        },
      });
    }
  },
);

/** Others use the same cluster: with `only`, no traffic-manager but those of namespaces that begin with it is seen. */
function openClient(only?: string, as?: string): KubeClient {
  const { credentials } = loadKubeconfig({ kubeFlags: as === undefined ? {} : { as }, kubeconfigEnv: kubeconfig });
  return only === undefined ? new KubeClient(credentials) : new NarrowClient(credentials, only);
}

class NarrowClient extends KubeClient {
  readonly #only: string;

  constructor(credentials: KubeClient['credentials'], only: string) {
    super(credentials);
    this.#only = only;
  }

  override async request<T>(request: KubeRequest): Promise<T> {
    const answer = await super.request<T>(request);
    if (request.path !== '/api/v1/configmaps') return answer;
    const { items } = answer as unknown as List;
    return { items: items.filter(({ metadata }) => metadata.namespace?.startsWith(this.#only)) } as T;
  }
}

async function missingForCluster(): Promise<string | undefined> {
  if (kubeconfig === undefined || !existsSync(kubeconfig)) return 'KUBECONFIG names no file';
  const client = openClient();
  try {
    const nodes = await client.request<{ items: { status?: { images?: { names?: string[] }[] } }[] }>({
      method: 'GET',
      path: '/api/v1/nodes',
    });
    const names = nodes.items.flatMap(({ status }) => status?.images ?? []).flatMap(({ names: found = [] }) => found);
    return names.includes(image) ? undefined : `no node has the image ${image}`;
  } catch (error) {
    return `the cluster does not answer: ${(error as Error).message}`;
  } finally {
    client.close();
  }
}

function imageSettings(): readonly string[] {
  const [, registry = '', name = '', tag = ''] = /^(.*)\/([^/:]+):([^/:]+)$/.exec(image) ?? [];
  return [`image.registry=${registry}`, `image.name=${name}`, `image.tag=${tag}`];
}

async function failing(promise: Promise<unknown>): Promise<AppError> {
  const outcome = await promise.then(
    () => undefined,
    (error: unknown) => AppError.from(error),
  );
  if (outcome === undefined) throw new Error('a failure was expected');
  return outcome;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  const deadlineAt = Date.now() + 60_000;
  while (!(await holds())) {
    if (Date.now() > deadlineAt) throw new Error('what was waited for did not happen');
    await delay(200);
  }
}
