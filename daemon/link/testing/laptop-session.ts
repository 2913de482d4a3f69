import { silentLogger } from '#base/common/log.ts';
import { ClusterSession, type ClusterSessionOptions } from '../cluster-session.ts';
import type { FakeCluster } from './fake-cluster.ts';

/** A session of one laptop with the traffic-manager of the cluster, which tries again soon. */
export function laptopSession(cluster: FakeCluster, change: Partial<ClusterSessionOptions> = {}): ClusterSession {
  return new ClusterSession({
    openCluster: () => cluster.open(),
    managerNamespace: 'ambassador',
    identity: { name: 'dev@laptop', namespace: 'default', installId: 'install', version: '1.0.0' },
    logger: silentLogger,
    onClusterInfo: () => undefined,
    onStateChanged: () => undefined,
    timing: { firstRetryMs: 20 },
    ...change,
  });
}
