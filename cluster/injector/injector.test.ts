import { afterEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { Injector } from './injector.ts';
import { readInjectorSettings } from './injector-settings.ts';
import { injectedConfig } from './pod-patch.ts';
import type { PodObject, PodTemplate } from './pod-types.ts';
import { askWebhook, readyStatus, SmallCluster } from './testing/small-cluster.ts';

const target = { namespace: 'shop', kind: 'Deployment', name: 'web' } as const;
const never = new AbortController().signal;

function template(annotations: Readonly<Record<string, string>> = {}): PodTemplate {
  return {
    metadata: { labels: { app: 'web' }, annotations },
    spec: { containers: [{ name: 'app', ports: [{ name: 'http', containerPort: 8080 }] }] },
  };
}

const stops: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function begin(cluster: SmallCluster, env: Readonly<Record<string, string>> = {}, arrivalTimeoutMs = 2_000) {
  cluster.services.push({
    metadata: { name: 'web', uid: 'u' },
    spec: { selector: { app: 'web' }, clusterIP: '10.0.0.1', ports: [{ name: 'main', port: 80, targetPort: 'http' }] },
  });
  const kube = await cluster.start();
  stops.push(async () => await cluster.stop());
  return { kube, injector: await startInjector(cluster, kube, env, arrivalTimeoutMs) };
}

async function startInjector(
  cluster: SmallCluster,
  kube: KubeClient,
  env: Readonly<Record<string, string>>,
  arrivalTimeoutMs: number,
) {
  const injector = new Injector({
    kube,
    managerNamespace: 'ambassador',
    managerHost: 'traffic-manager.ambassador',
    managerPort: 8081,
    agentImage: 'tele:1',
    logger: silentLogger,
    settings: readInjectorSettings(env, arrivalTimeoutMs),
    webhookPort: 0,
    host: '127.0.0.1',
    pollMs: 5,
    reachTimeoutMs: 20,
  });
  stops.push(async () => await injector.stop());
  await injector.start();
  if (env['AGENT_INJECTOR'] !== 'false') {
    await injector.untilReady(never);
    cluster.webhookPort = injector.webhookPort;
  }
  return injector;
}

const agents = (cluster: SmallCluster) => [...cluster.pods.values()].filter((pod) => injectedConfig(pod) !== undefined).length;

function withAgentStatus(status: object): (pod: PodObject) => ReturnType<typeof readyStatus> {
  return (pod) => {
    const ready = readyStatus(pod);
    if (injectedConfig(pod) === undefined) return ready;
    const containerStatuses = ready.containerStatuses?.map((entry) =>
      entry.name === 'traffic-agent' ? { name: entry.name, ready: false, ...status } : entry,
    );
    return { ...ready, conditions: [], ...(containerStatuses === undefined ? {} : { containerStatuses }) };
  };
}

describe('agents in the pods of a workload', () => {
  it('come by eviction, a few pods at a time, and once only', async () => {
    const cluster = new SmallCluster(template(), 3);
    const { injector } = await begin(cluster);
    expect(agents(cluster)).toBe(0);
    const stages: string[] = [];
    await injector.ensureAgent(target, never, (stage) => stages.push(stage));
    expect(agents(cluster)).toBe(3);
    expect(cluster.evicted).toEqual(['web-1-1', 'web-1-2', 'web-1-3']);
    expect(stages).toContain('Replacing the pods of web: 1 of 3 done');
    expect(new Set(stages).size).toBe(stages.length);
    await Promise.all([
      injector.ensureAgent(target, never, () => undefined),
      injector.ensureAgent(target, never, () => undefined),
    ]);
    expect(cluster.evicted).toHaveLength(3);
    expect(cluster.rollouts).toEqual([]);
  });

  it('go again, and come no more', async () => {
    const cluster = new SmallCluster(template(), 2);
    const { injector } = await begin(cluster);
    await injector.ensureAgent(target, never, () => undefined);
    expect(await injector.targets()).toEqual([target]);
    expect(await injector.removeAgents('all')).toEqual([target]);
    expect(agents(cluster)).toBe(0);
    expect(cluster.evicted).toHaveLength(4);
    expect(await injector.targets()).toEqual([]);
    expect(await injector.removeAgents([target])).toEqual([]);
    expect(cluster.evicted).toHaveLength(4);
    expect(cluster.webhookErrors).toHaveLength(2);
  });

  it.each([
    ['inject-traffic-agent', 'maybe', 'neither "enabled" nor "disabled"'],
    ['manually-injected', 'true', 'manually-injected'],
  ])('are refused before a pod is ended where the annotation %s is "%s"', async (annotation, value, words) => {
    const cluster = new SmallCluster(template({ [`telepresence.io/${annotation}`]: value }), 1);
    const { injector } = await begin(cluster);
    await expect(injector.ensureAgent(target, never, () => undefined)).rejects.toMatchObject({
      code: 'workload.not-interceptable',
      reason: expect.stringContaining(words) as string,
    });
    expect(cluster.evicted).toEqual([]);
  });

  it('come when the certificate was replaced, or is no longer trusted, a moment before', async () => {
    const cluster = new SmallCluster(template(), 1);
    const { injector } = await begin(cluster);
    const before = cluster.caBundle;
    cluster.forgetCertificate();
    await injector.ensureAgent(target, never, () => undefined);
    expect(agents(cluster)).toBe(1);
    expect(cluster.caBundle).not.toBe(before);
    await injector.removeAgents('all');
    cluster.forgetAuthorities();
    await injector.ensureAgent(target, never, () => undefined);
    expect(agents(cluster)).toBe(1);
  });

  it('stay where the template asks for them, and are not said to be removed', async () => {
    const cluster = new SmallCluster(template({ 'telepresence.io/inject-traffic-agent': 'enabled' }), 1);
    const { injector } = await begin(cluster);
    await injector.ensureAgent(target, never, () => undefined);
    const evicted = cluster.evicted.length;
    expect(await injector.removeAgents('all')).toEqual([]);
    expect(agents(cluster)).toBe(1);
    expect(cluster.evicted).toHaveLength(evicted);
  });

  it('are still wanted after the traffic-manager started again', async () => {
    const cluster = new SmallCluster(template(), 2);
    const { kube, injector } = await begin(cluster);
    await injector.ensureAgent(target, never, () => undefined);
    await injector.stop();
    const caBundle = cluster.caBundle;
    const second = await startInjector(cluster, kube, {}, 2_000);
    expect(cluster.caBundle).toBe(caBundle);
    cluster.pods.clear();
    await cluster.settle();
    expect(agents(cluster)).toBe(2);
    await second.ensureAgent(target, never, () => undefined);
    expect(cluster.evicted).toHaveLength(2);
  });

  it("come by the workload's own rollout where a budget forbids evictions", async () => {
    const cluster = new SmallCluster(template(), 2);
    const { injector } = await begin(cluster);
    cluster.mayEvict = () => false;
    await injector.ensureAgent(target, never, () => undefined);
    expect(agents(cluster)).toBe(2);
    expect(cluster.rollouts).toHaveLength(1);
    expect(JSON.stringify(cluster.rollouts)).toContain('telepresence.io/restartedAt');
  });

  it('that do not start are said why, and the pods go back', async () => {
    const cluster = new SmallCluster(template(), 1);
    const { injector } = await begin(cluster);
    const message = 'Back-off pulling image "tele:1"';
    cluster.statusOf = withAgentStatus({ state: { waiting: { reason: 'ImagePullBackOff', message } } });
    await expect(injector.ensureAgent(target, never, () => undefined)).rejects.toMatchObject({
      code: 'agent.failed',
      reason: expect.stringContaining(message) as string,
    });
    expect(agents(cluster)).toBe(0);
    expect(cluster.pods.size).toBe(1);
  });

  it('that never get ready end in a time-out', async () => {
    const cluster = new SmallCluster(template(), 1);
    const { injector } = await begin(cluster, {}, 50);
    cluster.statusOf = withAgentStatus({ state: { running: {} } });
    await expect(injector.ensureAgent(target, never, () => undefined)).rejects.toMatchObject({ code: 'agent.failed' });
    expect(agents(cluster)).toBe(0);
  });

  it('are ready although the app is not', async () => {
    const cluster = new SmallCluster(template(), 1);
    const { injector } = await begin(cluster, {}, 50);
    cluster.statusOf = (pod) => ({ ...readyStatus(pod), conditions: [{ type: 'Ready', status: 'False' }] });
    await injector.ensureAgent(target, never, () => undefined);
    expect(agents(cluster)).toBe(1);
  });

  it('that the cluster refuses to make are said why', async () => {
    const cluster = new SmallCluster(template(), 1);
    const { injector } = await begin(cluster);
    cluster.mayEvict = () => {
      cluster.creationFailure = 'pods "web-1-" is forbidden: violates PodSecurity "restricted:latest"';
      return true;
    };
    await expect(injector.ensureAgent(target, never, () => undefined)).rejects.toMatchObject({
      reason: expect.stringContaining('violates PodSecurity') as string,
      remedies: [{ label: expect.stringContaining('targetPort') as string }],
    });
  });

  it('are missed when the API server does not reach the webhook', async () => {
    const cluster = new SmallCluster(template(), 1);
    const { injector } = await begin(cluster);
    cluster.webhookPort = 1;
    await expect(injector.ensureAgent(target, never, () => undefined)).rejects.toMatchObject({
      reason: expect.stringContaining('did not call the webhook') as string,
    });
  });

  it('are waited for no longer than the caller does', async () => {
    const cluster = new SmallCluster(template(), 1);
    const { injector } = await begin(cluster);
    cluster.statusOf = withAgentStatus({ state: { running: {} } });
    const caller = new AbortController();
    const waiting = injector.ensureAgent(target, caller.signal, (stage) => {
      if (stage.startsWith('Waiting')) caller.abort(new Error('enough'));
    });
    await expect(waiting).rejects.toThrow('enough');
  });
});

describe('workloads that get no agent', () => {
  it.each([
    [
      'forbid it',
      { annotations: { 'telepresence.getambassador.io/inject-traffic-agent': 'disabled' }, env: {} },
      'is "disabled"',
    ],
    ['do not ask for it', { annotations: {}, env: { AGENT_INJECT_POLICY: 'WhenEnabled' } }, 'does not have the annotation'],
    ['are in a cluster without', { annotations: {}, env: { AGENT_INJECT_POLICY: 'Never' } }, 'injectPolicy is Never'],
    ['are in a cluster without a webhook', { annotations: {}, env: { AGENT_INJECTOR: 'false' } }, 'without the injector'],
  ])('%s', async (_, { annotations, env }, reason) => {
    const cluster = new SmallCluster(template(annotations));
    const { injector } = await begin(cluster, env);
    await expect(injector.ensureAgent(target, never, () => undefined)).rejects.toMatchObject({
      reason: expect.stringContaining(reason) as string,
    });
    expect(cluster.evicted).toEqual([]);
  });

  it('are not there', async () => {
    const { injector } = await begin(new SmallCluster(template()));
    await expect(injector.resolve('shop', 'nothing', '')).rejects.toMatchObject({ code: 'workload.not-found' });
    await expect(injector.ensureAgent({ ...target, name: 'x' }, never, () => undefined)).rejects.toMatchObject({
      code: 'workload.not-found',
    });
  });
});

describe('ports that are asked for', () => {
  it('are found with their Service, container and agent', async () => {
    const { injector } = await begin(new SmallCluster(template()));
    expect(await injector.resolve('shop', 'web', 'main')).toEqual({
      workload: target,
      container: 'app',
      containerPort: 8080,
      protocol: 'TCP',
      service: { name: 'web', uid: 'u', portName: 'main', port: 80 },
      agentPort: 9900,
    });
    await expect(injector.resolve('shop', 'web', '81')).rejects.toMatchObject({
      code: 'workload.not-found',
      reason: 'Its ports are: service web port main (80) → 8080/TCP of container app',
    });
  });
});

describe('the webhook', () => {
  const review = (operation: string, object: PodObject) => ({ request: { uid: 'x', operation, namespace: 'shop', object } });
  const owner = { kind: 'ReplicaSet', name: 'web-1', controller: true };

  it('injects pods that ask for it themselves, and no others', async () => {
    const cluster = new SmallCluster(template());
    const { injector } = await begin(cluster);
    const ask = async (operation: string, annotations: Record<string, string>, owners = [owner]) => {
      const { metadata, spec } = template(annotations);
      const pod = { metadata: { ...metadata, ownerReferences: owners }, ...(spec === undefined ? {} : { spec }) };
      return await askWebhook(injector.webhookPort, cluster.caBundle, review(operation, pod));
    };
    const enabled = { 'telepresence.io/inject-traffic-agent': 'enabled' };
    expect((await ask('CREATE', enabled)).patchType).toBe('JSONPatch');
    expect(await ask('CREATE', {})).toEqual({ uid: 'x', allowed: true });
    expect(await ask('DELETE', enabled)).toEqual({ uid: 'x', allowed: true });
    expect(await ask('CREATE', enabled, [{ kind: 'Job', name: 'once', controller: true }])).toEqual({ uid: 'x', allowed: true });
    expect(await ask('CREATE', { ...enabled, 'telepresence.io/manually-injected': 'true' })).toEqual({ uid: 'x', allowed: true });
    expect((await ask('CREATE', { 'telepresence.io/inject-traffic-agent': 'perhaps' })).warnings).toHaveLength(1);
  });

  it('answers only what is asked properly, and only to who trusts it', async () => {
    const cluster = new SmallCluster(template());
    const { injector } = await begin(cluster);
    const { webhookPort } = injector;
    await expect(askWebhook(webhookPort, cluster.caBundle, {})).rejects.toThrow('400');
    await expect(askWebhook(webhookPort, cluster.caBundle, {}, '/else')).rejects.toThrow('404');
    await expect(askWebhook(webhookPort, cluster.caBundle, 'x'.repeat(9 << 20))).rejects.toThrow(/413|EPIPE|ECONNRESET/);
    await expect(askWebhook(webhookPort, '', {})).rejects.toThrow(/certificate/);
  });
});
