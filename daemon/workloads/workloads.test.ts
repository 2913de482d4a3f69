import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { silentLogger } from '#base/common/log.ts';
import { FakeApiServer } from '#net/kube/fake-api-server.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import { PlanInterceptResponseSchema } from '#protocol/cluster/generated/desktop_pb.js';
import type { InterceptRequest, WorkloadDetails } from '#protocol/local-api/model.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import { type ApiAnswer, startApiStandIn, writeKubeconfig } from '../kube/testing/api-stand-in.ts';
import type { DesktopClient } from '../link/wire-session.ts';
import { interceptCommand } from './command-line.ts';
import type { DetailChange } from './detail-index.ts';
import { KeptReviews } from './kept-reviews.ts';
import { checkLaptopPort, listeningInodes } from './laptop-port.ts';
import { NamespaceDetails } from './namespace-details.ts';
import { planInCluster } from './plan-in-cluster.ts';
import { completePlan, planWithoutLink } from './plan-intercept.ts';
import { reviewRights } from './plan-rights.ts';
import { probeContext } from './probe-context.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const core = '/api/v1/namespaces/shop';
const apps = '/apis/apps/v1/namespaces/shop';
const argo = '/apis/argoproj.io/v1alpha1/namespaces/shop';
const metadata = (name: string, more: object = {}) => ({ name, namespace: 'shop', ...more });
const owned = (kind: string, name: string) => ({ ownerReferences: [{ kind, name, controller: true }] });
const template = { metadata: { labels: { app: 'web' } }, spec: { containers: [container('app')] } };

function container(name: string) {
  return { name, image: `${name}:1`, ports: [{ name: 'http', containerPort: 8080 }] };
}

function pod(name: string, replicaSet: string, isReady = true, more: object = {}) {
  return {
    metadata: metadata(name, { ...owned('ReplicaSet', replicaSet), ...more }),
    spec: { containers: [{ name: 'app' }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
  };
}

/** A Deployment with a pod and a Service. */
async function cluster() {
  const api = new FakeApiServer();
  const client = await api.start();
  cleanups.push(() => api.stop());
  api.addCollections(`${apps}/deployments`, `${apps}/statefulsets`, `${apps}/replicasets`, `${core}/pods`, `${core}/services`);
  api.put(`${apps}/deployments`, {
    metadata: metadata('web', { creationTimestamp: 't' }),
    spec: { replicas: 2, template },
  } as never);
  api.put(`${apps}/replicasets`, { metadata: metadata('web-1', owned('Deployment', 'web')), spec: { template } } as never);
  api.put(`${core}/pods`, pod('web-1-a', 'web-1'));
  api.put(`${core}/services`, {
    metadata: metadata('web'),
    spec: { clusterIP: '10.0.0.1', selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  } as never);
  return { api, client };
}

function follow(details: NamespaceDetails) {
  const waiting: { fits: (change: DetailChange) => boolean; resolve: (change: DetailChange) => void }[] = [];
  const snapshot = new Promise<Record<string, WorkloadDetails>>((resolve) => {
    details.subscribe({
      snapshot: resolve,
      changed: (changes) => {
        for (const change of changes) for (const { fits, resolve: done } of waiting) if (fits(change)) done(change);
      },
    });
  });
  const next = (fits: (change: DetailChange) => boolean) =>
    new Promise<DetailChange>((resolve) => waiting.push({ fits, resolve }));
  return { snapshot, next };
}

function watch({ client }: Awaited<ReturnType<typeof cluster>>) {
  const details = new NamespaceDetails(client, 'shop', silentLogger);
  cleanups.push(() => details.stop());
  return details;
}

describe('NamespaceDetails', () => {
  it('puts together a Deployment, its Services, and its pods by way of ReplicaSets', async () => {
    const bed = await cluster();
    const details = watch(bed);
    const { snapshot } = follow(details);
    await details.start();
    expect(await snapshot).toEqual({
      'Deployment/web.shop': {
        desired: 2,
        ready: 0,
        createdAt: 't',
        containers: [{ name: 'app', image: 'app:1', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }],
        services: [{ name: 'web', clusterIp: '10.0.0.1', ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] }],
        pods: [{ name: 'web-1-a', phase: 'Running', ready: true }],
      },
    });
    expect(details.forbidden).toEqual([]);
  });

  it('tells what changes, and of what goes', async () => {
    const bed = await cluster();
    const details = watch(bed);
    const { next } = follow(details);
    await details.start();
    const podCame = next(({ kind, key }) => kind === 'changed' && key === 'Deployment/web.shop');
    bed.api.put(`${core}/pods`, pod('web-1-b', 'web-1', false));
    expect(await podCame).toMatchObject({ details: { pods: [{ name: 'web-1-a' }, { name: 'web-1-b', ready: false }] } });
    const podEnds = next(
      (change) => change.kind === 'changed' && change.details.pods.some(({ phase }) => phase === 'Terminating'),
    );
    bed.api.put(`${core}/pods`, pod('web-1-a', 'web-1', true, { deletionTimestamp: 't' }));
    await podEnds;
    const serviceGone = next((change) => change.kind === 'changed' && change.details.services.length === 0);
    bed.api.remove(`${core}/services`, 'web', 'shop');
    await serviceGone;
    const gone = next(({ kind }) => kind === 'removed');
    bed.api.remove(`${apps}/deployments`, 'web', 'shop');
    expect(await gone).toEqual({ kind: 'removed', key: 'Deployment/web.shop' });
  });

  it('shows what this user may read, and names what not', async () => {
    const bed = await cluster();
    bed.api.refuse(`${core}/pods`, 403);
    bed.api.refuse(`${apps}/statefulsets`, 403);
    bed.api.addCollections(`${argo}/rollouts`);
    bed.api.put(`${argo}/rollouts`, { metadata: metadata('roll'), spec: { replicas: 1, template } } as never);
    const details = watch(bed);
    const { snapshot } = follow(details);
    await details.start();
    const found = await snapshot;
    expect(Object.keys(found)).toEqual(['Deployment/web.shop', 'Rollout/roll.shop']);
    expect(found['Deployment/web.shop']?.pods).toEqual([]);
    expect([...details.forbidden].sort()).toEqual(['pods', 'statefulsets']);
  });
});

const request: InterceptRequest = { name: 'web', ports: [{ laptopPort: 9, identifier: 'http' }], toPod: [] };

describe('planInCluster', () => {
  const prepared = {
    namespace: 'shop',
    workloadKind: 'Deployment',
    containerName: 'app',
    containerPort: 8080,
    protocol: 'TCP',
    serviceName: 'web',
    serviceUid: 'u',
    servicePortName: 'http',
    servicePort: 80,
  };
  const plan = (answer: DesktopClient['planIntercept']) =>
    planInCluster(
      request,
      { desktop: { planIntercept: answer } as DesktopClient, session: { sessionId: 's' }, namespace: 'shop', owner: 'me@laptop' },
      AbortSignal.timeout(5_000),
    );

  it('tells ports and who is in the way', async () => {
    const conflicts = [{ owner: 'you@there', since: '2026-01-01T00:00:00Z', message: 'taken' }];
    const found = await plan(async () => create(PlanInterceptResponseSchema, { prepared, conflicts, workload: 'web' }));
    expect(found).toMatchObject({
      workload: 'web',
      container: 'app',
      ports: [{ laptopPort: 9, containerPort: 8080, identifier: 'http', service: { name: 'web', port: 80 } }],
      conflicts: [{ owner: 'you@there', port: '8080/TCP', message: 'taken' }],
      warnings: [],
    });
    expect(found.error).toBeUndefined();
  });

  it('has the refusal as a part of the plan, and says where a traffic-manager does not plan', async () => {
    const refused = await plan(() => Promise.reject(new ConnectError('no such port\nIts ports are: x', Code.InvalidArgument)));
    expect(refused.error).toMatchObject({ code: 'engagement.refused', message: 'No such port', reason: 'Its ports are: x' });
    const unknown = await plan(() => Promise.reject(new ConnectError('unknown service', Code.Unimplemented)));
    expect(unknown).toMatchObject({ ports: [], warnings: [expect.stringContaining('does not tell beforehand') as string] });
    expect(unknown.error).toBeUndefined();
  });
});

describe('completePlan', () => {
  it('names the pods that restart, rights, and what is not ready on the laptop', async () => {
    const free = createServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const { port: laptopPort } = free.address() as AddressInfo;
    free.close();
    const { api, client } = await cluster();
    const reviews = '/apis/authorization.k8s.io/v1';
    // The fake answers a POST like a GET of the last part: an object of that name.
    api.put(reviews, { metadata: { name: 'selfsubjectaccessreviews' }, status: { allowed: true } } as never);
    const shown = (name: string) => ({ name, phase: 'Running', ready: true });
    const plan = await completePlan({
      request: { ...request, ports: [{ laptopPort }] },
      use: undefined,
      managerNamespace: 'ambassador',
      cluster: {
        workload: 'web',
        workloadKind: 'Deployment',
        namespace: 'shop',
        ports: [{ laptopPort, containerPort: 8080, protocol: 'TCP', identifier: 'http' }],
        conflicts: [],
        warnings: [],
      },
      pods: [
        { owner: 'x', hasAgent: true, shown: shown('with') },
        { owner: 'x', hasAgent: false, shown: shown('without') },
      ],
      client,
      user: 'dev',
      reviews: new KeptReviews(),
      engagements: [],
      signal: AbortSignal.timeout(5_000),
    });
    expect(plan.restarts).toEqual(['without']);
    const right = { verb: 'create', resource: 'pods/portforward', allowed: true };
    expect(plan.rights).toContainEqual({ ...right, namespace: 'ambassador', withoutIt: 'cannot-reconnect' });
    expect(plan.rights).toContainEqual({ ...right, namespace: 'shop', withoutIt: 'slower' });
    expect(parse(plan.yaml)).toEqual({
      name: 'web',
      workload: 'web',
      workload_kind: 'Deployment',
      namespace: 'shop',
      target_host: '127.0.0.1',
      ports: [{ target_port: laptopPort, container_port: 8080, protocol: 'TCP', port_id: 'http' }],
    });
    expect(plan.commandLine).toBe(`telepresence intercept web --port ${laptopPort}`);
    expect(plan.warnings).toEqual([`Nothing listens on 127.0.0.1:${laptopPort} yet`]);
  });
});

describe('rights of an intercept', () => {
  /** Refuses what `isRefused` says of the resource and namespace, to a user whose name it tells. */
  const clientThat = async (isRefused: (resource: string, namespace: string) => boolean) => {
    const standIn = await startApiStandIn((path, body): ApiAnswer => {
      if (path.endsWith('/selfsubjectreviews')) return [201, { status: { userInfo: { username: 'dev@corp' } } }];
      const { spec } = JSON.parse(body) as { spec: { resourceAttributes: Record<string, string> } };
      const { resource = '', subresource, namespace = '' } = spec.resourceAttributes;
      const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
      return [201, { status: { allowed: !isRefused(whole, namespace) } }];
    });
    cleanups.push(() => standIn.close());
    const directory = mkdtempSync(join(tmpdir(), 'rights-'));
    cleanups.push(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'config');
    writeKubeconfig(file, standIn.url);
    const client = new KubeClient(loadKubeconfig({ kubeFlags: { kubeconfig: file } }).credentials);
    cleanups.push(() => client.close());
    return client;
  };
  const placeOf = () => ({
    managerNamespace: 'ambassador',
    namespace: 'shop',
    user: 'dev',
    reviews: new KeptReviews(),
    signal: AbortSignal.timeout(10_000),
  });

  it('says what each is for, and how an administrator grants one that is missing', async () => {
    const client = await clientThat((resource, namespace) => resource === 'services' || namespace === 'shop');
    const rights = await reviewRights({ ...placeOf(), client, isLinkUp: true });
    expect(rights.map(({ resource, allowed, withoutIt }) => [resource, allowed, withoutIt])).toEqual([
      ['services', false, 'cannot-reconnect'],
      ['pods', true, 'cannot-reconnect'],
      ['pods/portforward', true, 'cannot-reconnect'],
      ['pods/portforward', false, 'slower'],
    ]);
    expect(rights.map(({ grant }) => grant)).toEqual([
      'kubectl --namespace ambassador create role telepresence-get-services --verb=get --resource=services --resource-name=traffic-manager' +
        ' && kubectl --namespace ambassador create rolebinding telepresence-get-services --role=telepresence-get-services --user=dev@corp',
      undefined,
      undefined,
      'kubectl --namespace shop create role telepresence-create-pods-portforward --verb=create --resource=pods/portforward' +
        ' && kubectl --namespace shop create rolebinding telepresence-create-pods-portforward' +
        ' --role=telepresence-create-pods-portforward --user=dev@corp',
    ]);
  });

  it('hold an intercept back where the way to the traffic-manager has to be made again', async () => {
    const inputs = { request, use: undefined };
    const refused = await planWithoutLink({
      ...placeOf(),
      ...inputs,
      client: await clientThat((resource) => resource === 'pods/portforward'),
    });
    expect(refused).toMatchObject({ error: { code: 'cluster.forbidden' }, workload: 'web', namespace: 'shop' });
    expect(refused?.rights.filter(({ allowed }) => !allowed).map(({ withoutIt }) => withoutIt)).toEqual([
      'cannot-start',
      'slower',
    ]);
    // Without those of connecting alone: there is a way to wait for.
    const client = await clientThat((_resource, namespace) => namespace === 'shop');
    expect(await planWithoutLink({ ...placeOf(), ...inputs, client })).toBeUndefined();
  });

  it('are asked for once a minute for each user and place; those that are missing sooner, and all anew without a way', async () => {
    const asked: string[] = [];
    let isGranted = false;
    const client = await clientThat((resource, namespace) => {
      asked.push(`${namespace} ${resource}`);
      return namespace === 'shop' && !isGranted;
    });
    const inputs = { ...placeOf(), client, isLinkUp: true };
    const clock = vi.spyOn(performance, 'now');
    cleanups.push(() => clock.mockRestore());
    const start = performance.now();
    const review = async (afterMs: number, change: Partial<typeof inputs> = {}) => {
      asked.length = 0;
      clock.mockReturnValue(start + afterMs);
      const rights = await reviewRights({ ...inputs, ...change });
      return [rights.every(({ allowed }) => allowed), asked.length];
    };
    expect(await review(0)).toEqual([false, 4]);
    expect(await review(5_000)).toEqual([false, 0]);
    isGranted = true;
    expect(await review(20_000)).toEqual([true, 1]);
    expect(await review(25_000, { namespace: 'other' })).toEqual([true, 1]);
    expect(await review(26_000, { user: 'another' })).toEqual([true, 4]);
    expect(await review(27_000, { isLinkUp: false })).toEqual([true, 4]);
    expect(await review(59_000)).toEqual([true, 0]);
    expect(await review(61_000)).toEqual([true, 3]);
  });
});

describe('interceptCommand', () => {
  it('is the command that does the same, whatever the words hold', () => {
    const line = interceptCommand(
      {
        name: 'mine',
        workload: 'web',
        ports: [
          { laptopPort: 8080, identifier: 'http' },
          { laptopPort: 53, identifier: '53/UDP' },
        ],
        toPod: [5432],
        envFile: { path: "/tmp/it's here.env", syntax: 'sh' },
        handler: { command: 'npm run dev $X', directory: '/my app', environment: { A: 'b c' } },
      },
      'dev',
    );
    expect(line).toBe(
      "cd '/my app' && A='b c' telepresence --use dev intercept mine --workload web --port 8080:http --port 53:53/UDP " +
        "--to-pod 5432 --env-file '/tmp/it'\\''s here.env' --env-syntax sh -- sh -c 'npm run dev $X'",
    );
  });
});

describe('checkLaptopPort', () => {
  it('finds the program that listens', async () => {
    const script = "require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })";
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    cleanups.push(() => child.kill());
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const port = Number(line.toString());
    expect(await checkLaptopPort('127.0.0.1', port)).toMatchObject({
      listening: true,
      process: { name: 'node', pid: child.pid },
    });
    child.kill();
    await once(child, 'exit');
    expect(await checkLaptopPort('127.0.0.1', port)).toEqual({ listening: false });
  });

  it('reads the table of the kernel', () => {
    const table = '   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1';
    expect(listeningInodes(table, 8080)).toEqual(['4711']);
    expect(listeningInodes(table, 8081)).toEqual([]);
  });
});

describe('probeContext', () => {
  async function apiServer(answer: (path: string, body: string) => ApiAnswer) {
    const { url, close } = await startApiStandIn(answer);
    cleanups.push(close);
    return url;
  }
  function kubeconfig(server: string): string {
    const directory = mkdtempSync(join(tmpdir(), 'probe-'));
    cleanups.push(() => rmSync(directory, { recursive: true }));
    const file = join(directory, 'config');
    writeKubeconfig(file, server);
    return file;
  }
  const probe = (server: string) =>
    probeContext({ kubeFlags: { kubeconfig: kubeconfig(server) } }, () => 'ambassador', AbortSignal.timeout(10_000));

  it('tells version, namespaces, the traffic-manager, and whether one could be installed', async () => {
    const ready = {
      metadata: { name: 'tm' },
      spec: { containers: [{ name: 'traffic-manager', image: 'registry:5000/tel:1.2.3' }] },
      status: { conditions: [{ type: 'Ready', status: 'True' }] },
    };
    const server = await apiServer((path, body) => {
      if (path === '/version') return [200, { gitVersion: 'v1.34.0' }];
      if (path === '/api/v1/namespaces') return [200, { items: [{ metadata: { name: 'shop' } }, { metadata: { name: 'a' } }] }];
      if (path.endsWith('/services/traffic-manager')) return [200, { spec: { ports: [{ port: 8081 }] } }];
      if (path.endsWith('/pods')) return [200, { items: [ready] }];
      return [201, { status: { allowed: !body.includes('clusterroles"') } }];
    });
    const found = await probe(server);
    expect(found).toMatchObject({
      context: 'dev',
      namespace: 'shop',
      server,
      serverVersion: 'v1.34.0',
      manager: { kind: 'ready', namespace: 'ambassador', version: '1.2.3' },
      namespaces: ['a', 'shop'],
      mayInstall: false,
    });
    expect(found.roundTripMs).toBeGreaterThan(0);
    expect(found.error).toBeUndefined();
  });

  it('is an answer, too, for a user who may see nothing, and for a cluster that is not there', async () => {
    const server = await apiServer((path) =>
      path === '/version' ? [200, { gitVersion: 'v1' }] : [403, { message: 'no', reason: 'Forbidden' }],
    );
    expect(await probe(server)).toMatchObject({
      serverVersion: 'v1',
      manager: { kind: 'unknown' },
      namespaces: [],
      mayInstall: false,
    });
    const gone = await probe('http://127.0.0.1:1');
    expect(gone).toMatchObject({ context: 'dev', manager: { kind: 'unknown' }, error: { code: 'cluster.unreachable' } });
    expect(gone.serverVersion).toBeUndefined();
    const nothing = await probeContext({ kubeFlags: { kubeconfig: '/none' } }, () => '', AbortSignal.timeout(5_000));
    expect(nothing).toMatchObject({ context: '', error: { code: 'kubeconfig.unreadable' } });
  });
});
