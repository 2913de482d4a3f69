import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { managerName } from '#protocol/chart/manager-environment.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { isOurs, withStatus } from './helm-release.ts';
import { parseManifest } from './manifest.ts';
import { type ObjectReference, objectKey } from './object-path.ts';
import { ReleaseNamespace } from './release-namespace.ts';
import { ReleaseObjects } from './release-objects.ts';
import { type ReleaseRecord, ReleaseStore } from './release-store.ts';

/** One installation, upgrade or removal, and what it works with. */
export interface ReleaseOperation {
  readonly client: KubeClient;
  readonly namespace: string;
  /** Identity of this laptop's installation. */
  readonly installId: string;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  readonly stage: (text: string) => void;
  readonly store: ReleaseStore;
  readonly objects: ReleaseObjects;
  readonly releaseNamespace: ReleaseNamespace;
}

export function releaseOperation(
  options: Pick<ReleaseOperation, 'client' | 'namespace' | 'installId' | 'logger' | 'signal' | 'stage'>,
): ReleaseOperation {
  const { client, namespace } = options;
  return {
    ...options,
    store: new ReleaseStore(client, namespace),
    objects: new ReleaseObjects(client, namespace),
    releaseNamespace: new ReleaseNamespace(client, namespace),
  };
}

/** The container has 5 s to end; some more for the node to say so. */
const podEndTimeoutMs = 15_000;

/**
 * The release's revisions.
 *
 * @throws AppError `install.conflict` where another tool made the release, or somebody else is changing it right now.
 */
export async function listRecords(operation: ReleaseOperation): Promise<readonly ReleaseRecord[]> {
  const records = await operation.store.list(operation.signal);
  const foreign = records.findLast(({ release }) => !isOurs(release));
  if (foreign !== undefined) throw foreignRelease(operation, foreign);
  const busy = records.find(
    ({ release, lease }) =>
      (release.info.status.startsWith('pending') || release.info.status === 'uninstalling') &&
      lease !== undefined &&
      lease.holder !== operation.installId &&
      Date.parse(lease.until) > Date.now(),
  );
  if (busy === undefined) return records;
  throw new AppError({
    code: 'install.conflict',
    message: `Somebody else is changing the traffic-manager in namespace "${operation.namespace}" right now`,
    reason: `The release is "${busy.release.info.status}" until ${busy.lease?.until ?? ''} at most`,
    remedies: [{ label: 'Try again later' }],
  });
}

/** Every object that a revision has, or may have got as far as to create. */
export function recordedObjects(records: readonly ReleaseRecord[]): readonly ObjectReference[] {
  const objects = records.toReversed().flatMap(({ release }) => parseManifest(release.manifest).toReversed());
  return [...new Map(objects.map((object) => [objectKey(object), object])).values()];
}

/** So that a removal that is interrupted can be told from a release that serves: the next command goes on with it. */
export async function markUninstalling({ store, signal }: ReleaseOperation, records: readonly ReleaseRecord[]): Promise<void> {
  for (const { release } of records) {
    if (release.info.status === 'deployed') await store.replace(withStatus(release, 'uninstalling', 'Removal under way'), signal);
  }
}

/** Removes the release with everything that belongs to it, its namespace included where that was made for it, and says what was there. */
export async function removeRelease(
  operation: ReleaseOperation,
  records: readonly ReleaseRecord[],
  signal: AbortSignal,
): Promise<readonly ObjectReference[]> {
  const removed = await removeObjects(operation, records, signal);
  if (!(await operation.releaseNamespace.removeIfOwnAndEmpty(signal))) return removed;
  return [...removed, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: operation.namespace } }];
}

/** Removes the release from its namespace. */
export async function removeObjects(
  operation: ReleaseOperation,
  records: readonly ReleaseRecord[],
  signal: AbortSignal,
): Promise<readonly ObjectReference[]> {
  const removed: ObjectReference[] = [];
  for (const object of recordedObjects(records)) {
    if (await operation.objects.remove(object, signal)) removed.push(object);
  }
  await operation.releaseNamespace.waitUntilPodsAreGone(podEndTimeoutMs, signal);
  for (const { release } of records) await operation.store.remove(release.version, signal);
  return removed;
}

function foreignRelease({ namespace }: ReleaseOperation, { release }: ReleaseRecord): AppError {
  const { name, version } = release.chart.metadata;
  return new AppError({
    code: 'install.conflict',
    message: `The traffic-manager in namespace "${namespace}" was not installed by this product`,
    reason: `Its release was made from the chart "${name}" ${version}`,
    remedies: [
      { label: 'Connect to it as it is', command: 'telepresence connect' },
      { label: 'Or remove it with the tool that made it', command: `helm uninstall ${managerName} --namespace ${namespace}` },
    ],
  });
}
