import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findSandbox, launchSandbox, type SandboxLaunch } from '#net/sandbox/launch-sandbox.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';

/** The program of the stand-in cluster: beside the daemon's bundle, or in a checkout. `undefined` where there is none. */
export function sandboxProgram(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const name = import.meta.url.endsWith('.ts') ? '../../sandbox/main.ts' : './sandbox.js';
  const path = fileURLToPath(new URL(name, import.meta.url));
  return existsSync(path) ? path : undefined;
}

/** The stand-in cluster, which goes on by itself; started where it does not run. @throws AppError `unsupported` where this laptop does not have it. */
export async function startSandbox(
  script: string | undefined,
  place: Pick<SandboxLaunch, 'paths' | 'env' | 'signal' | 'onStage'>,
): Promise<CallOutput<'startSandbox'>> {
  if (script === undefined) throw new AppError({ code: 'unsupported', message: 'This installation has no sandbox cluster' });
  const launch = { ...place, nodePath: process.execPath, script, flags: {} };
  const { kubeconfig, context } = (await findSandbox(place)) ?? (await launchSandbox(launch));
  return { kubeconfig, context, namespace: 'default' };
}
