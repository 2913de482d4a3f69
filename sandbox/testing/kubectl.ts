import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const checkout = join(import.meta.dirname, '../..');

/**
 * A stock kubectl: the one that `KUBECTL` names, else the first in `PATH`, else the one of the cluster of `e2e/kubernetes`, which is
 * made ready here where that takes seconds.
 *
 * @throws Error that says why there is none
 */
export function findKubectl(env: NodeJS.ProcessEnv = process.env): string {
  const { KUBECTL: named = '', PATH: path = '', CLUSTER_STATE: state = '' } = env;
  const candidates = [
    ...(named === '' ? [] : [named]),
    ...path.split(delimiter).map((folder) => join(folder, 'kubectl')),
    join(state === '' ? join(checkout, '.cache/cluster') : state, 'bin/kubectl'),
  ];
  return candidates.find(isProgram) ?? prepareKubectl(env);
}

function prepareKubectl(env: NodeJS.ProcessEnv): string {
  const script = join(checkout, 'e2e/kubernetes/cluster.sh');
  try {
    return execFileSync(script, ['kubectl', 'ready-made'], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();
  } catch (error) {
    const why = String((error as { readonly stderr?: unknown }).stderr ?? error).trim();
    throw new Error(`no kubectl in PATH, none that KUBECTL names, and none can be made ready: ${why}`, { cause: error });
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
