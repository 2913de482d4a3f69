import { join } from 'node:path';
import { bundleForPod } from './bundle-for-pod.ts';

/** Text of one program of the shop. */
export async function bundleProgram(name: string): Promise<string> {
  return await bundleForPod(join(import.meta.dirname, `${name}.ts`));
}
