import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCidr } from '#base/common/cidr.ts';
import { silentLogger } from '#base/common/log.ts';
import { installHooks } from '../api/defaults/store-hooks.ts';
import type { Deployment } from '../controllers/workload-types.ts';
import { createImageRegistry } from '../programs/images.ts';
import { type KubeObject, textAt } from '../store/objects.ts';
import { type Resource, resources } from '../store/resources.ts';
import { ObjectStore } from '../store/store.ts';
import { findMachineObstacle } from '../testing/machine-obstacle.ts';
import type { Pod } from './pod-types.ts';
import { type SandboxNode, startNode } from './start-node.ts';

const serviceCidr = '10.202.0.0/16';
const obstacle = findMachineObstacle();

/** Answers `/dns/TYPE/NAME`, `/api` by what the API server's address says, `/env/NAME`, and all else by its own name. */
const program = `
const [http, os, dns, net] = ['http', 'os', 'dns', 'net'].map(require);
http.createServer((request, response) => {
  const [, what, name, more] = request.url.split('/');
  if (what === 'dns') dns.resolve(more, name, (error, found) => response.end(error ? error.code : JSON.stringify(found)));
  else if (what === 'env') response.end(process.env[name]);
  else if (what === 'api') {
    const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = process.env;
    net.connect(port, host).on('data', (data) => response.end(data));
  } else response.end(os.hostname());
}).listen(8080);
console.log('listening');
// As a program that wants no call to fail: Services hear of its end a moment later.
process.on('SIGTERM', () => setTimeout(() => process.exit(0), 300));
`;

describe.skipIf(obstacle !== undefined)(`the sandbox's node${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tpsb-test-'));
  const store = new ObjectStore();
  let node: SandboxNode;

  beforeAll(async () => {
    const images = createImageRegistry();
    images.register({ 'test/node:1': { files: { '/usr/bin/node': process.execPath } } });
    installHooks(store, { serviceCidr: parseCidr(serviceCidr) ?? { family: 4, value: 0n, prefix: 0 } });
    node = await startNode({
      store,
      images,
      directory: join(directory, 'node'),
      podCidr: '10.201.0.0/16',
      serviceCidr,
      authorities: 'certificate',
      now: Date.now,
      mintToken: () => 'token',
      acceptApiConnection: (connection) => connection.end('the API server'),
      log: silentLogger,
    });
    store.create(resources.configMaps, { metadata: { namespace: 'default', name: 'web' }, data: { 'main.js': program } });
    store.create(resources.deployments, {
      metadata: { namespace: 'default', name: 'web' },
      spec: { replicas: 2, selector: { matchLabels: { app: 'web' } }, template: podTemplate },
    });
    store.create(resources.services, {
      metadata: { namespace: 'default', name: 'web' },
      spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 'http' }] },
    });
    await whenTrue(resources.deployments, isRolledOut);
    await whenTrue(resources.endpointSlices, (slice) => (slice['endpoints'] as readonly unknown[] | undefined)?.length === 2);
  });

  afterAll(async () => {
    await node.stop();
    expect(readdirSync(directory)).toEqual([]);
    rmSync(directory, { recursive: true });
    expect(execFileSync('ip', ['-brief', 'link'], { encoding: 'utf8' })).not.toContain('tpsb');
  });

  it('runs pods behind a Service', async () => {
    const names = store.list<Pod>(resources.pods).map(({ metadata }) => metadata.name);
    const answers = new Set<string>();
    for (let call = 0; call < 40; call += 1) answers.add(await ask('/'));
    expect([...answers].toSorted()).toEqual(names.toSorted());
  });

  it('has names, variables and the API server for pods', async () => {
    const ip = textAt(store.get(resources.services, 'default', 'web'), 'spec', 'clusterIP');
    expect(await ask('/dns/A/web.default.svc.cluster.local')).toBe(JSON.stringify([ip]));
    expect(await ask('/dns/A/nobody.default.svc.cluster.local')).toBe('ENOTFOUND');
    expect(await ask('/env/WEB_SERVICE_HOST')).toBe(ip);
    expect(await ask('/api')).toBe('the API server');
  });

  it('keeps pods away from everybody outside', async () => {
    const pod = store.list<Pod>(resources.pods)[0];
    const address = pod?.status?.podIP ?? '';
    const routes = execFileSync('ip', ['route', 'show', 'match', address], { encoding: 'utf8' });
    expect(address).toMatch(/^10\.201\./);
    expect(routes).not.toContain('tpsb');
  });

  it('runs programs in containers, hands out logs and forwards ports', async () => {
    const name = { namespace: 'default', name: store.list(resources.pods)[0]?.metadata.name ?? '' };
    const session = await node.nodeApi.exec(name, 'main', ['sh', '-c', 'hostname; exit 3'], { hasStdin: false, isTty: false });
    expect(await text(session.stdout)).toBe(`${name.name}\n`);
    expect(await session.result).toEqual({ kind: 'exited', exitCode: 3 });
    const absent = await node.nodeApi.exec(name, 'main', ['no-such-program'], { hasStdin: false, isTty: false });
    absent.stdout.resume();
    expect(await absent.result).toMatchObject({ kind: 'not-started' });
    const log = await node.nodeApi.logs(name, 'main', { isFollowed: false, isPrevious: false, hasTimestamps: false });
    expect(await text(log)).toBe('listening\n');
    const forwarded = await node.nodeApi.portForward(name, 8080);
    forwarded.write('GET / HTTP/1.0\r\n\r\n');
    expect(await text(forwarded)).toContain(name.name);
    await expect(node.nodeApi.portForward(name, 81)).rejects.toThrow(/ECONNREFUSED/);
  });

  it('rolls pods over without a gap', async () => {
    store.patch<Deployment>(resources.deployments, 'default', 'web', (current) => ({
      ...current,
      spec: {
        ...current.spec,
        template: { ...current.spec.template, metadata: { ...current.spec.template.metadata, annotations: { a: 'b' } } },
      },
    }));
    let answers = 0;
    const rolled = whenTrue(resources.deployments, isRolledOut).then(() => true);
    while (!(await Promise.race([rolled, ask('/').then(() => false)]))) answers += 1;
    expect(answers).toBeGreaterThan(0);
    expect(store.list(resources.replicaSets)).toHaveLength(2);
  });

  it('says why an image cannot be pulled', async () => {
    store.create(resources.pods, {
      metadata: { namespace: 'default', name: 'bad' },
      spec: { containers: [{ name: 'main', image: 'no/image:1' }] },
    });
    await whenTrue<Pod>(
      resources.pods,
      ({ status }) => status?.containerStatuses?.[0]?.state.waiting?.reason === 'ImagePullBackOff',
    );
    const reasons = store.list(resources.events, { fieldSelector: 'involvedObject.name=bad' }).map((event) => event['reason']);
    expect(reasons).toEqual(expect.arrayContaining(['Scheduled', 'Pulling', 'Failed', 'BackOff']));
  });

  it('shows pods that a fault keeps from getting ready as such', async () => {
    node.faults.neverReady('default/web-');
    await whenTrue(resources.deployments, ({ status }) => textAt(status, 'readyReplicas') === '');
    node.faults.heal();
    await whenTrue(resources.deployments, isRolledOut);
  });

  async function ask(path: string): Promise<string> {
    const connection = await node.dialService('default', 'web', 80);
    connection.write(`GET ${path} HTTP/1.0\r\n\r\n`);
    return (await text(connection)).split('\r\n\r\n')[1] ?? '';
  }

  /** Resolves with the first object of the kind that fits, now or later. */
  async function whenTrue<T extends KubeObject>(resource: Resource, fits: (object: T) => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = store.watch<T>(resource, { namespace: 'default', hasInitialEvents: true }, ({ object }) => {
        if (!fits(object)) return;
        resolve();
        queueMicrotask(() => end());
      });
    });
  }
});

const podTemplate = {
  metadata: { labels: { app: 'web' } },
  spec: {
    containers: [
      {
        name: 'main',
        image: 'test/node:1',
        command: ['node', '/program/main.js'],
        ports: [{ name: 'http', containerPort: 8080 }],
        readinessProbe: { httpGet: { path: '/', port: 'http' } },
        volumeMounts: [{ name: 'program', mountPath: '/program' }],
      },
    ],
    volumes: [{ name: 'program', configMap: { name: 'web' } }],
  },
};

function isRolledOut({ metadata, status }: KubeObject): boolean {
  const counts = ['replicas', 'updatedReplicas', 'availableReplicas'].map((field) => textAt(status, field));
  return textAt(status, 'observedGeneration') === String(metadata.generation) && counts.every((count) => count === '2');
}

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  let found = '';
  for await (const chunk of stream) found += String(chunk);
  return found;
}
