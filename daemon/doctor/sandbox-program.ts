import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { CallContext, Handlers } from '#net/rpc/handlers.ts';
import { deployShop } from '#net/sandbox/deploy-shop.ts';
import { findSandbox, launchSandbox, type SandboxLaunch } from '#net/sandbox/launch-sandbox.ts';
import { chartValues } from '#protocol/chart/values.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput, CallOutput } from '#protocol/local-api/local-api.ts';

/** The program of the stand-in cluster: beside the daemon's bundle, or in a checkout. `undefined` where there is none. */
export function sandboxProgram(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const name = import.meta.url.endsWith('.ts') ? '../../sandbox/main.ts' : './sandbox.js';
  const path = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** Calls of the daemon's own local API, by which the stand-in cluster is made ready as any other is. */
export type ClusterCalls = Pick<Handlers, 'probeContext' | 'install'>;

/**
 * The stand-in cluster with the demo shop and the traffic-manager, so that a connect to the namespace works at once. What is there already
 * stays as it is. The cluster goes on by itself.
 *
 * @throws AppError `unsupported` where this laptop does not have it.
 */
export async function startSandbox(
  script: string | undefined,
  place: Pick<SandboxLaunch, 'paths' | 'env' | 'signal' | 'onStage'>,
  calls: ClusterCalls,
): Promise<CallOutput<'startSandbox'>> {
  if (script === undefined) throw new AppError({ code: 'unsupported', message: 'This installation has no sandbox cluster' });
  const launch = { ...place, nodePath: process.execPath, script, flags: {} };
  const { kubeconfig, context } = (await findSandbox(place)) ?? (await launchSandbox(launch));
  const namespace = await deployShop(place);
  await provideManager({ kubeconfig, context }, place, calls);
  return { kubeconfig, context, namespace };
}

async function provideManager(
  kubeFlags: { readonly kubeconfig: string; readonly context: string },
  { signal, onStage }: Pick<SandboxLaunch, 'signal' | 'onStage'>,
  { probeContext, install }: ClusterCalls,
): Promise<void> {
  const { manager } = await probeContext({ kubeFlags }, { signal, emit: () => undefined });
  // What else there is to say, an installation says better.
  if (manager.kind === 'ready') return;
  const input = { kubeFlags, values: [ownImage], createNamespace: true, dryRun: false };
  const context: CallContext<'install'> = { signal, emit: ({ stage }) => onStage(stage) };
  try {
    await install({ ...input, action: 'install' }, context);
  } catch (error) {
    // It was installed before and is not ready, or somebody was faster: an upgrade waits until it is.
    if (!(error instanceof AppError && error.code === 'install.conflict')) throw error;
    await install({ ...input, action: 'upgrade' }, context);
  }
}

/** The sandbox has the product's image by its own name alone, whatever registry the configuration names for other clusters. */
const ownImage: CallInput<'install'>['values'][number] = {
  kind: 'yaml',
  source: 'the sandbox',
  text: JSON.stringify({ image: { registry: chartValues.parse({}).image.registry } }),
};
