import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import https from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { openSpdyForward } from '#net/port-forward/spdy-forward.ts';
import { openWebSocketForward } from '#net/port-forward/web-socket-forward.ts';
import type { KubeObject } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import { type ApiBed, startApiBed } from './testing/api-bed.ts';

const pods = '/api/v1/namespaces/shop/pods';
const pod = (name: string, fields: object = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, labels: { app: name } },
  spec: { containers: [{ name: 'app', image: 'i:1', ...fields }] },
});

describe('API server of the sandbox', () => {
  let bed: ApiBed;
  const post = async <T = KubeObject>(path: string, body: unknown, client = bed.admin, query = {}) =>
    await client.request<T>({ method: 'POST', path, body, query });
  const failure = async (promise: Promise<unknown>): Promise<KubeStatusError> => {
    const thrown = await promise.then(
      () => undefined,
      (error: unknown) => error,
    );
    if (thrown instanceof KubeStatusError) return thrown;
    throw new Error(`no refusal: ${String(thrown)}`);
  };

  /** A service account with these rules in its namespace. */
  async function clientOf(name: string, rules: readonly object[]): Promise<KubeClient> {
    await post('/api/v1/namespaces/shop/serviceaccounts', { metadata: { name } });
    await post('/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles', { metadata: { name }, rules });
    const subjects = [{ kind: 'ServiceAccount', name, namespace: 'shop' }];
    await post('/apis/rbac.authorization.k8s.io/v1/namespaces/shop/rolebindings', {
      metadata: { name },
      roleRef: { kind: 'Role', name },
      subjects,
    });
    const answer = await post<{ status: { token: string } }>(`/api/v1/namespaces/shop/serviceaccounts/${name}/token`, {});
    return new KubeClient(bed.credentials(answer.status.token));
  }

  beforeAll(async () => {
    bed = await startApiBed();
    await post(pods, pod('web'));
    bed.store.patch(resources.pods, 'shop', 'web', (current) => ({ ...current, status: { phase: 'Running' } }));
  });
  afterAll(async () => await bed.stop());

  it('refuses wrong tokens, and those without one', async () => {
    expect(await failure(new KubeClient(bed.credentials('wrong')).find(pods))).toMatchObject({ status: 401 });
    const nobody = new KubeClient({ server: bed.api.server, requestOptions: async () => ({ ca: bed.api.authorities }) });
    expect(await failure(nobody.find(pods))).toMatchObject({ status: 403, reason: 'Forbidden' });
    expect(await nobody.requestText({ method: 'GET', path: '/readyz' })).toBe('ok');
  });

  it('grants what roles grant, and nothing else', async () => {
    const client = await clientOf('reader', [{ apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] }]);
    expect(await client.find<KubeObject>(`${pods}/web`)).toMatchObject({ kind: 'Pod' });
    const refused = await failure(client.request({ method: 'DELETE', path: `${pods}/web` }));
    expect(refused.message).toBe(
      'pods "web" is forbidden: User "system:serviceaccount:shop:reader" cannot delete resource "pods" in API group "" in the namespace "shop"',
    );
    const review = (verb: string) =>
      post<{ status: { allowed: boolean } }>(
        '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        { spec: { resourceAttributes: { verb, resource: 'pods', subresource: 'log', namespace: 'shop' } } },
        client,
      );
    expect([(await review('get')).status.allowed, (await review('create')).status.allowed]).toEqual([true, false]);
    client.close();
  });

  it('lets nobody hand out rights that they do not have', async () => {
    const rules = { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'], verbs: ['create'] };
    const client = await clientOf('granter', [rules]);
    const role = { metadata: { name: 'more' }, rules: [{ apiGroups: [''], resources: ['secrets'], verbs: ['get'] }] };
    const refused = await failure(post('/apis/rbac.authorization.k8s.io/v1/namespaces/shop/roles', role, client));
    expect(refused.message).toContain('attempting to grant RBAC permissions not currently held');
    client.close();
  });

  it('says who bears a token, for its audience, until the account is gone', async () => {
    await post('/api/v1/namespaces/shop/serviceaccounts', { metadata: { name: 'agent' } });
    const spec = { audiences: ['manager'], expirationSeconds: 600 };
    const { status } = await post<{ status: { token: string } }>('/api/v1/namespaces/shop/serviceaccounts/agent/token', { spec });
    const review = async (audiences: readonly string[]) =>
      (
        await post<{ status: { authenticated: boolean; user: { username?: string } } }>(
          '/apis/authentication.k8s.io/v1/tokenreviews',
          { spec: { token: status.token, audiences } },
        )
      ).status;
    expect(await review(['manager'])).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:shop:agent' },
    });
    expect(await review(['other'])).toMatchObject({ authenticated: false });
    expect(await failure(new KubeClient(bed.credentials(status.token)).find(pods))).toMatchObject({ status: 401 });
    await bed.admin.request({ method: 'DELETE', path: '/api/v1/namespaces/shop/serviceaccounts/agent' });
    expect(await review(['manager'])).toMatchObject({ authenticated: false });
  });

  it('tells a watch of what was there, sends the bookmark after it, and goes on', async () => {
    const abort = new AbortController();
    const seen: string[] = [];
    const path = '/api/v1/namespaces/shop/configmaps';
    await post(path, { metadata: { name: 'first' } });
    const query = { sendInitialEvents: true, allowWatchBookmarks: true, resourceVersionMatch: 'NotOlderThan' };
    for await (const { type, object } of bed.admin.watch<KubeObject>(path, query, abort.signal)) {
      const isEnd = object.metadata.annotations?.['k8s.io/initial-events-end'] === 'true';
      seen.push(`${type} ${isEnd ? 'end' : object.metadata.name}`);
      if (isEnd) await post(path, { metadata: { name: 'second' } });
      if (object.metadata.name === 'second') break;
    }
    abort.abort();
    expect(seen).toEqual(['ADDED first', 'BOOKMARK end', 'ADDED second']);
  });

  it('applies, creates by applying, and stores nothing on a dry run', async () => {
    const path = '/api/v1/namespaces/shop/services/front';
    const apply = (ports: readonly object[], query: object = {}) =>
      bed.admin.request<KubeObject>({
        method: 'PATCH',
        path,
        query: { fieldManager: 'one', force: true, ...query },
        contentType: 'application/apply-patch+yaml',
        body: { apiVersion: 'v1', kind: 'Service', metadata: { name: 'front' }, spec: { selector: { app: 'web' }, ports } },
      });
    await apply([{ name: 'http', port: 80 }], { dryRun: 'All' });
    expect(await bed.admin.find(path)).toBeUndefined();
    const made = await apply([
      { name: 'http', port: 80 },
      { name: 'other', port: 81 },
    ]);
    expect(made).toMatchObject({ spec: { clusterIP: expect.stringMatching(/^10\.96\./) as string, type: 'ClusterIP' } });
    const changed = await apply([{ name: 'http', port: 80, targetPort: 'web' }]);
    expect(changed.spec).toMatchObject({ ports: [{ name: 'http', port: 80, protocol: 'TCP', targetPort: 'web' }] });
    const version = changed.metadata.resourceVersion;
    expect((await apply([{ name: 'http', port: 80, targetPort: 'web' }])).metadata.resourceVersion).toBe(version);
  });

  it('names the range of service addresses when asked for an impossible one', async () => {
    const spec = { clusterIP: '1.1.1.1', ports: [{ port: 80 }] };
    const refused = await failure(
      post('/api/v1/namespaces/shop/services', { metadata: { name: 'x' }, spec }, bed.admin, { dryRun: 'All' }),
    );
    expect(refused.message).toContain('The range of valid IPs is 10.96.0.0/16');
  });

  it('has webhooks change pods, and does without them where they say so', async () => {
    const patch = [{ op: 'add', path: '/metadata/labels/seen', value: 'yes' }];
    const { ca } = await bed.serveWebhook(() => ({
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
    }));
    const webhooks = [
      {
        name: 'hook.test',
        clientConfig: { service: { namespace: 'shop', name: 'hook', path: '/x' }, caBundle: Buffer.from(ca).toString('base64') },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
        objectSelector: { matchLabels: { app: 'hooked' } },
        failurePolicy: 'Ignore',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
      },
    ];
    const path = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations';
    await post(path, { metadata: { name: 'hook' }, webhooks });
    expect((await post(pods, pod('hooked'))).metadata.labels).toEqual({ app: 'hooked', seen: 'yes' });
    expect((await post(pods, pod('plain'))).metadata.labels).toEqual({ app: 'plain' });
    bed.api.faults.setWebhooksDown(true);
    await bed.admin.request({ method: 'DELETE', path: `${pods}/hooked` });
    expect((await post(pods, pod('hooked'))).metadata.labels).toEqual({ app: 'hooked' });
    const strict = { webhooks: [{ name: 'hook.test', failurePolicy: 'Fail' }] };
    const contentType = 'application/strategic-merge-patch+json';
    await bed.admin.request({ method: 'PATCH', path: `${path}/hook`, body: strict, contentType });
    await bed.admin.request({ method: 'DELETE', path: `${pods}/hooked` });
    expect((await failure(post(pods, pod('hooked')))).message).toContain('failed calling webhook "hook.test"');
    bed.api.faults.heal();
    await bed.admin.request({ method: 'DELETE', path: `${path}/hook` });
  });

  it('holds pods against quotas, limits and Pod Security', async () => {
    for (const namespace of ['quota', 'limits', 'restricted']) {
      const labels = namespace === 'restricted' ? { 'pod-security.kubernetes.io/enforce': 'restricted' } : {};
      await post('/api/v1/namespaces', { metadata: { name: namespace, labels } });
      await post(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name: 'default' } });
    }
    const create = (namespace: string, fields: object) => post(`/api/v1/namespaces/${namespace}/pods`, pod('p', fields));
    const memory = (limit: string) => ({ resources: { limits: { memory: limit } } });
    const spec = { hard: { 'limits.memory': '600Mi' } };
    await post('/api/v1/namespaces/quota/resourcequotas', { metadata: { name: 'memory' }, spec });
    expect((await failure(create('quota', {}))).message).toContain('failed quota: memory: must specify limits.memory for: app');
    expect((await failure(create('quota', memory('1Gi')))).message).toContain(
      'exceeded quota: memory, requested: limits.memory=1Gi, used: limits.memory=0, limited: limits.memory=600Mi',
    );
    await create('quota', memory('512Mi'));
    expect(bed.store.get(resources.resourceQuotas, 'quota', 'memory')?.status).toMatchObject({
      used: { 'limits.memory': '512Mi' },
    });
    const limits = [{ type: 'Pod', max: { memory: '600Mi' } }];
    await post('/api/v1/namespaces/limits/limitranges', { metadata: { name: 'pods' }, spec: { limits } });
    expect((await failure(create('limits', memory('1Gi')))).message).toContain(
      'maximum memory usage per Pod is 600Mi, but limit is 1Gi',
    );
    expect((await failure(create('restricted', {}))).message).toContain(
      'violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false)',
    );
  });

  it('forbids evictions that a budget cannot do without', async () => {
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await post(pods, pod('guarded'));
    bed.store.patch(resources.pods, 'shop', 'guarded', (current) => ({ ...current, status }));
    const budget = { metadata: { name: 'guard' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'guarded' } } } };
    await post('/apis/policy/v1/namespaces/shop/poddisruptionbudgets', budget);
    const evict = () =>
      post(`${pods}/guarded/eviction`, { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'guarded' } });
    expect(await failure(evict())).toMatchObject({ status: 429, reason: 'TooManyRequests' });
    bed.store.patch(resources.podDisruptionBudgets, 'shop', 'guard', (current) => ({
      ...current,
      status: { disruptionsAllowed: 1 },
    }));
    await evict();
    expect(bed.store.get(resources.pods, 'shop', 'guarded')).toBeUndefined();
  });

  it.each([
    ['SPDY', openSpdyForward],
    ['WebSocket', openWebSocketForward],
  ] as const)('forwards ports by %s, and says why it cannot', async (_name, open) => {
    const target = { namespace: 'shop', pod: 'web', port: 80 };
    const forward = await open(bed.credentials(bed.api.adminToken), target, { timeoutMs: 5_000 });
    const sent = Buffer.alloc(300_000, 'x');
    let received = 0;
    forward.write(sent);
    for await (const chunk of forward as AsyncIterable<Buffer>) {
      received += chunk.length;
      if (received === sent.length) break;
    }
    expect(received).toBe(sent.length);
    const closed = await open(bed.credentials(bed.api.adminToken), { ...target, port: 81 }, { timeoutMs: 5_000 });
    const [error] = (await once(closed.resume(), 'error')) as [Error];
    expect(error.message).toContain('connection refused');
  });

  it('runs programs over a WebSocket, and hands on how they end', async () => {
    const url = new URL(`${pods}/web/exec?command=sh&command=3&stdin=true&stdout=true&stderr=true`, bed.api.server);
    const headers = { authorization: `Bearer ${bed.api.adminToken}` };
    const socket = new WebSocket(url, ['v5.channel.k8s.io'], { ca: bed.api.authorities, headers });
    const output = ['', '', '', ''];
    socket.on('message', (message: Buffer) => (output[message[0] ?? 0] += message.subarray(1).toString()));
    await once(socket, 'open');
    socket.send(Buffer.from('\0hello'));
    socket.send(Buffer.from([255, 0]));
    await once(socket, 'close');
    expect(output.slice(1, 3)).toEqual(['hello', 'trouble\n']);
    expect(JSON.parse(output[3] ?? '')).toMatchObject({ reason: 'NonZeroExitCode', details: { causes: [{ message: '3' }] } });
    expect(await bed.admin.requestText({ method: 'GET', path: `${pods}/web/log`, query: { tailLines: 2 } })).toBe('two\nthree\n');
  });

  it('goes wrong on request', async () => {
    const { faults } = bed.api;
    faults.add({ path: '/pods$', effect: { kind: 'status', status: 429 }, times: 1 });
    expect(await failure(bed.admin.find(pods))).toMatchObject({ status: 429, reason: 'TooManyRequests' });
    faults.add({ path: '/pods$', effect: { kind: 'reset' } });
    await expect(bed.admin.find(pods)).rejects.toMatchObject({ code: 'ECONNRESET' });
    faults.heal();
    expect(await bed.admin.find(pods)).toBeDefined();
  });

  it('has another clock on request, by which tokens end', async () => {
    const { faults } = bed.api;
    const client = await clientOf('punctual', [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }]);
    const minutesAhead = async () => {
      const answer = https.get(new URL('/readyz', bed.api.server), { ca: bed.api.authorities, agent: false });
      const [response] = (await once(answer, 'response')) as [IncomingMessage];
      response.resume();
      return (Date.parse(response.headers.date ?? '') - Date.now()) / 60_000;
    };
    expect(await minutesAhead()).toBeCloseTo(0, 0);
    faults.setClockAhead(-600_000);
    expect(await minutesAhead()).toBeCloseTo(-10, 0);
    expect(await client.find(pods)).toBeDefined();
    faults.setClockAhead(2 * 3_600_000);
    expect(await minutesAhead()).toBeCloseTo(120, 0);
    expect(await failure(client.find(pods))).toMatchObject({ status: 401 });
    faults.heal();
    expect(await client.find(pods)).toBeDefined();
  });

  it('shows a certificate that is not valid yet on request', async () => {
    const ask = async () => {
      const [response] = (await once(https.get(bed.api.server, { ca: bed.api.authorities, agent: false }), 'response')) as [
        IncomingMessage,
      ];
      return response.resume().statusCode;
    };
    bed.api.faults.showFutureCertificate();
    await expect(ask()).rejects.toMatchObject({ code: 'CERT_NOT_YET_VALID' });
    bed.api.faults.heal();
    expect(await ask()).toBe(403);
  });
});
