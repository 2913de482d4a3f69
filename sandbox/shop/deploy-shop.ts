import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ShopReport } from '#protocol/sandbox/sandbox-control.ts';
import { type KubeObject, shopNamespace, shopObjects } from './shop-objects.ts';

export interface ShopDeployment {
  readonly client: KubeClient;
  /** Such as has Node. */
  readonly image: string;
  /** Text of a part's program, by the part's name. */
  readonly programOf: (name: string) => Promise<string>;
  /** The secret of the club. Default: one that nobody knows. */
  readonly clubToken?: string;
  /** What to do where it does not get ready. Default: to start the sandbox anew. */
  readonly remedies?: AppError['remedies'];
  readonly signal: AbortSignal;
  readonly onStage: (stage: Extract<ShopReport, { state: 'deploying' }>['stage']) => void;
}

interface DeploymentState {
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly replicas?: number };
  readonly status?: { readonly readyReplicas?: number };
}

/** An image may have to be pulled. */
const readyTimeoutMs = 90_000;

const sandboxRemedies = [{ label: 'End the sandbox, and start it anew', command: 'telepresence sandbox down' }];

/**
 * Creates what is not there of the demo shop, and waits until it serves. What is there stays as it is, for somebody may have changed it.
 * Resolves to the shop's namespace.
 *
 * @throws AppError `workload.not-ready` with the names of what does not get ready
 */
export async function deployShop(deployment: ShopDeployment): Promise<string> {
  const { client, image, programOf, clubToken = randomBytes(12).toString('hex'), signal, onStage } = deployment;
  onStage('objects');
  const objects = await shopObjects(image, clubToken, programOf);
  for (const object of objects) await createUnlessThere(client, object, signal);
  onStage('pods');
  const names = objects.filter(({ kind }) => kind === 'Deployment').map(({ metadata }) => metadata.name);
  await waitUntilReady(client, names, deployment.remedies ?? sandboxRemedies, signal);
  return shopNamespace;
}

/** Reads programs as `npm run build` leaves them in a folder. */
export function builtPrograms(bundles: string): ShopDeployment['programOf'] {
  return async (name) => {
    const file = join(bundles, `shop-${name}.cjs`);
    try {
      return await readFile(file, 'utf8');
    } catch (error) {
      throw new AppError(
        {
          code: 'config.invalid',
          message: `The demo shop needs ${file}, which cannot be read`,
          reason: AppError.from(error).message,
          remedies: [{ label: 'Build the programs', command: 'npm run build' }],
        },
        error,
      );
    }
  };
}

async function createUnlessThere(client: KubeClient, object: KubeObject, signal: AbortSignal): Promise<void> {
  const { apiVersion, kind, metadata } = object;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const place = metadata.namespace === undefined ? '' : `/namespaces/${metadata.namespace}`;
  try {
    await client.request({ method: 'POST', path: `${root}${place}/${kind.toLowerCase()}s`, body: object, signal });
  } catch (error) {
    if (!(error instanceof KubeStatusError && error.reason === 'AlreadyExists')) throw error;
  }
}

async function waitUntilReady(
  client: KubeClient,
  names: readonly string[],
  remedies: AppError['remedies'],
  signal: AbortSignal,
): Promise<void> {
  const waiting = new Set(names);
  const deadline = AbortSignal.timeout(readyTimeoutMs);
  const limits = AbortSignal.any([signal, deadline]);
  const path = `/apis/apps/v1/namespaces/${shopNamespace}/deployments`;
  // A watch begins with what is there, and may end early.
  while (waiting.size > 0 && !limits.aborted) {
    for await (const { type, object } of client.watch<DeploymentState>(path, {}, limits)) {
      if (type !== 'DELETED' && isReady(object)) waiting.delete(object.metadata.name);
      if (waiting.size === 0) return;
    }
  }
  signal.throwIfAborted();
  if (waiting.size === 0) return;
  throw new AppError({
    code: 'workload.not-ready',
    message: `The demo shop did not get ready within ${readyTimeoutMs / 1000} s`,
    reason: `Not ready: ${[...waiting].join(', ')}`,
    remedies,
  });
}

function isReady({ spec, status }: DeploymentState): boolean {
  return (status?.readyReplicas ?? 0) >= (spec?.replicas ?? 1);
}
