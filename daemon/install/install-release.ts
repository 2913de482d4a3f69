import { AppError } from '#protocol/errors/app-error.ts';
import { clusterError } from '../kube/cluster-error.ts';
import { type HelmRelease, newRelease, withStatus } from './helm-release.ts';
import { parseManifest } from './manifest.ts';
import { objectKey } from './object-path.ts';
import { refuseOverlap } from './other-managers.ts';
import { listRecords, type ReleaseOperation, removeObjects, removeRelease } from './release-operation.ts';
import type { ReleaseRecord } from './release-store.ts';
import type { RenderedRelease } from './render-release.ts';
import { waitUntilReady } from './wait-until-ready.ts';

export interface InstallOptions {
  readonly version: string;
  readonly createNamespace: boolean;
  readonly timeoutMs: number;
}

/** Revisions that are kept for `helm history`. */
const keptRevisions = 10;

/** Rolling back is small work; what it cannot do in this time, the next command does. */
const rollbackTimeoutMs = 40_000;

/** Installs the traffic-manager and waits until it serves; when it does not, everything is as before. */
export async function installRelease(
  operation: ReleaseOperation,
  rendered: RenderedRelease,
  options: InstallOptions,
): Promise<HelmRelease> {
  const { namespace, releaseNamespace, stage, signal } = operation;
  stage('Looking at the cluster');
  const isNamespaceThere = await releaseNamespace.exists(signal);
  if (!isNamespaceThere && !options.createNamespace) throw noNamespace(namespace);
  const leftovers = isNamespaceThere ? await listRecords(operation) : [];
  if (leftovers.some(({ release }) => release.info.status === 'deployed')) throw alreadyInstalled(namespace);
  if (leftovers.length > 0) {
    stage('Removing what an interrupted installation left');
    await removeObjects(operation, leftovers, signal);
  }
  await operation.objects.refuseForeign(rendered.objects, signal);
  if (rendered.hasDeployment) await refuseOverlap(operation.client, { namespace, selector: rendered.selector }, signal);
  if (!isNamespaceThere) await releaseNamespace.create(signal);
  const now = new Date().toISOString();
  const release = newRelease({
    namespace,
    version: 1,
    status: 'pending-install',
    description: 'Installation under way',
    productVersion: options.version,
    config: rendered.given,
    manifest: rendered.manifest,
    firstDeployed: now,
    lastDeployed: now,
  });
  let isRecorded = false;
  try {
    await operation.store.create(release, leaseOf(operation, options), signal);
    isRecorded = true;
    await applyAndWait(operation, rendered, options);
    const deployed = withStatus(release, 'deployed', 'Install complete');
    await operation.store.replace(deployed, signal);
    return deployed;
  } catch (error) {
    stage('Removing what has been installed');
    throw await afterRollback(operation, error, async (rollback) => {
      if (isRecorded) await removeRelease(operation, [{ release, lease: undefined }], rollback);
      else await releaseNamespace.removeIfOwnAndEmpty(rollback);
    });
  }
}

/** Brings the release to new objects; when they do not become ready, the former revision is put back. */
export async function upgradeRelease(
  operation: ReleaseOperation,
  former: ReleaseRecord,
  records: readonly ReleaseRecord[],
  rendered: RenderedRelease,
  options: InstallOptions,
): Promise<HelmRelease> {
  const { namespace, signal, stage, store } = operation;
  await operation.objects.refuseForeign(rendered.objects, signal);
  if (rendered.hasDeployment) await refuseOverlap(operation.client, { namespace, selector: rendered.selector }, signal);
  for (const { release } of records) {
    if (release.info.status.startsWith('pending')) await store.replace(withStatus(release, 'failed', 'Interrupted'), signal);
  }
  const release = newRelease({
    namespace,
    version: Math.max(...records.map((record) => record.release.version)) + 1,
    status: 'pending-upgrade',
    description: 'Upgrade under way',
    productVersion: options.version,
    config: rendered.given,
    manifest: rendered.manifest,
    firstDeployed: former.release.info.first_deployed,
    lastDeployed: new Date().toISOString(),
  });
  await store.create(release, leaseOf(operation, options), signal);
  const kept = new Set(rendered.objects.map(objectKey));
  try {
    await applyAndWait(operation, rendered, options);
    // What an interrupted upgrade added and nobody wants any more goes as well.
    for (const object of records.flatMap((record) => parseManifest(record.release.manifest))) {
      if (!kept.has(objectKey(object))) await operation.objects.remove(object, signal);
    }
    const deployed = withStatus(release, 'deployed', 'Upgrade complete');
    await store.replace(deployed, signal);
    for (const { release: old } of records) {
      if (old.info.status === 'deployed') await store.replace(withStatus(old, 'superseded', old.info.description), signal);
    }
    for (const { release: old } of records.slice(0, Math.max(0, records.length + 1 - keptRevisions)))
      await store.remove(old.version, signal);
    return deployed;
  } catch (error) {
    stage('Going back to the former revision');
    throw await afterRollback(operation, error, async (rollback) => {
      const formerObjects = parseManifest(former.release.manifest);
      for (const object of formerObjects) await operation.objects.apply(object, rollback);
      const wanted = new Set(formerObjects.map(objectKey));
      for (const object of rendered.objects) if (!wanted.has(objectKey(object))) await operation.objects.remove(object, rollback);
      await store.replace(withStatus(release, 'failed', AppError.from(error).message), rollback);
      await store.replace(former.release, rollback);
    });
  }
}

async function applyAndWait(operation: ReleaseOperation, rendered: RenderedRelease, options: InstallOptions): Promise<void> {
  const { client, namespace, signal, stage } = operation;
  stage(`Applying ${rendered.objects.length} objects`);
  for (const object of rendered.objects) await operation.objects.apply(object, signal);
  if (!rendered.hasDeployment) return;
  stage('Waiting for the traffic-manager');
  await waitUntilReady({ client, namespace, signal, stage, timeoutMs: options.timeoutMs });
}

/** Undoes what has been done, also where the operation was cancelled; a failure of that is told with what it came from. */
async function afterRollback(
  operation: ReleaseOperation,
  thrown: unknown,
  undo: (signal: AbortSignal) => Promise<void>,
): Promise<AppError> {
  const { client, signal, namespace } = operation;
  const error = signal.aborted
    ? AppError.from(signal.reason)
    : clusterError(thrown, { server: client.credentials.server.href, action: 'install the traffic-manager' });
  try {
    await undo(AbortSignal.timeout(rollbackTimeoutMs));
    return error;
  } catch (undoError) {
    operation.logger.warn('Rolling back failed', { namespace, error: undoError });
    const reason = [error.reason, `Rolling back failed as well: ${AppError.from(undoError).message}`]
      .filter((text) => text !== undefined)
      .join('\n');
    return new AppError({ ...error.toData(), reason }, error);
  }
}

function leaseOf({ installId }: ReleaseOperation, { timeoutMs }: InstallOptions) {
  return { holder: installId, until: new Date(Date.now() + timeoutMs + rollbackTimeoutMs).toISOString() };
}

function alreadyInstalled(namespace: string): AppError {
  return new AppError({
    code: 'install.conflict',
    message: `The traffic-manager is installed in namespace "${namespace}" already`,
    remedies: [
      { label: 'Change it, or bring it to this version', command: command('upgrade', namespace) },
      { label: 'Or remove it first', command: command('uninstall', namespace) },
    ],
  });
}

function noNamespace(namespace: string): AppError {
  return new AppError({
    code: 'cluster.namespace-not-found',
    message: `There is no namespace "${namespace}"`,
    remedies: [{ label: 'Create it, or let the installation create it', command: `kubectl create namespace ${namespace}` }],
  });
}

function command(name: string, namespace: string): string {
  return `telepresence helm ${name}${namespace === 'ambassador' ? '' : ` --manager-namespace ${namespace}`}`;
}
