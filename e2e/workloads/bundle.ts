import { join } from 'node:path';
import { bundleForPod } from '#sandbox/shop/bundle-for-pod.ts';

/** Text of one program of `programs/`, ready for Node in a pod. */
export async function bundleProgram(name: string): Promise<string> {
  return await bundleForPod(join(import.meta.dirname, 'programs', `${name}.ts`));
}
