import { createServer, type Http2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Code, ConnectError, type ServiceImpl } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import { FakeCluster } from '../link/testing/fake-cluster.ts';
import { FakeManager } from '../link/testing/fake-manager.ts';
import { encodeRelease, newRelease } from './helm-release.ts';
import { createInstallHandlers } from './install-handlers.ts';
import { removeAllAgents } from './remove-all-agents.ts';

describe('removing all agents before the traffic-manager goes', () => {
  let cluster: FakeCluster;
  let client: KubeClient;
  let stages: string[];
  const closers: (() => unknown)[] = [];

  beforeEach(async () => {
    cluster = new FakeCluster();
    await cluster.start();
    client = cluster.open();
    stages = [];
    closers.push(
      () => cluster.stop(),
      () => client.close(),
    );
  });
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** A traffic-manager of this product. */
  const serve = async (removeAgents: ServiceImpl<typeof Desktop>['removeAgents']) => {
    const routes = connectNodeAdapter({ routes: (router) => router.service(Desktop, { removeAgents }) });
    const server: Http2Server = createServer(routes);
    const sessions = new Set<{ destroy(): void }>();
    server.on('session', (session) => sessions.add(session));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cluster.port = (server.address() as AddressInfo).port;
    closers.push(async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    });
  };
  const remove = async (timeoutMs = 5_000, signal = new AbortController().signal) =>
    await removeAllAgents(
      { client, namespace: 'ambassador', logger: silentLogger, signal, stage: (text) => stages.push(text) },
      timeoutMs,
    );

  it('asks the traffic-manager through a port-forward, which it ends', async () => {
    const requests: boolean[] = [];
    await serve(({ all, session, workloads }) => {
      requests.push(all && session === undefined && workloads.length === 0);
      return { removed: [{ name: 'shop', namespace: 'default' }] };
    });
    expect(await remove()).toEqual([{ name: 'shop', namespace: 'default' }]);
    expect(requests).toEqual([true]);
    expect(stages).toEqual(['Removing agents from the workloads']);
    await expect.poll(() => cluster.forwards).toBe(0);
    // Its own client, so that the uninstallation can go on with the one that it has.
    expect(await client.find('/api/v1/namespaces/ambassador/pods')).toBeDefined();
  });

  it('comes before the first object goes', async () => {
    const configMap = '/api/v1/namespaces/ambassador/configmaps/traffic-manager';
    const release = newRelease({
      namespace: 'ambassador',
      version: 1,
      status: 'deployed',
      description: '',
      productVersion: '1.0.0',
      config: {},
      manifest: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: traffic-manager, namespace: ambassador}\n',
      firstDeployed: '',
      lastDeployed: '',
    });
    const secrets = '/api/v1/namespaces/ambassador/secrets';
    const secret = { metadata: { name: 'sh.helm.release.v1.traffic-manager.v1' }, data: { release: encodeRelease(release) } };
    cluster.answers.set(secrets, { items: [secret] }).set(`${secrets}/${secret.metadata.name}`, secret);
    cluster.answers.set('/apis/apps/v1/namespaces/ambassador/replicasets', { items: [] });
    let requestsBefore: readonly string[] = [];
    await serve(() => {
      requestsBefore = [...cluster.requests];
      cluster.podsAre();
      return {};
    });
    const { uninstall } = createInstallHandlers({
      openCluster: () => Promise.resolve({ client, managerNamespace: 'ambassador', context: '' }),
      helmTimeoutMs: () => 5_000,
      imageRegistry: () => undefined,
      version: '1.0.0',
      installId: 'laptop',
      logger: silentLogger,
      runTask: (options, work) => work({ signal: options.signal, stage: (text) => stages.push(text) }),
    });
    await uninstall({ kubeFlags: {}, dryRun: false }, { emit: () => undefined, signal: new AbortController().signal });
    expect(stages).toEqual(['Removing agents from the workloads', 'Removing the traffic-manager']);
    expect(requestsBefore).toContain(`${secrets}/${secret.metadata.name}`);
    expect(requestsBefore).not.toContain(configMap);
    expect(cluster.requests).toContain(configMap);
  });

  it('goes on, and says so, where the traffic-manager is another', async () => {
    const manager = new FakeManager();
    cluster.port = await manager.start();
    closers.push(() => manager.stop());
    expect(await remove()).toEqual([]);
    expect(stages.at(-1)).toMatch(/^Agents may stay .*: This traffic-manager cannot remove agents/);
  });

  it('goes on where it fails, cannot be reached, or is not there', async () => {
    await serve(() => {
      throw new ConnectError('A budget keeps the pods', Code.FailedPrecondition);
    });
    expect(await remove()).toEqual([]);
    expect(stages.at(-1)).toContain('Agents could not be removed');
    cluster.refuse('port-forward', 403);
    expect(await remove()).toEqual([]);
    cluster.podsAre();
    expect(await remove()).toEqual([]);
    expect(stages.filter((stage) => stage.startsWith('Agents may stay'))).toHaveLength(3);
  });

  it('goes on after the deadline', async () => {
    await serve(async (_request, { signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return {};
    });
    expect(await remove(200)).toEqual([]);
    expect(stages.at(-1)).toContain('took too long');
    cluster.isDeaf = true;
    expect(await remove(200)).toEqual([]);
    expect(stages.at(-1)).toContain('did not answer within 0.2 s');
  });

  it('ends with the uninstallation that was cancelled', async () => {
    const abort = new AbortController();
    await serve(async (_request, { signal }) => {
      abort.abort();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return {};
    });
    await expect(remove(5_000, abort.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
