import { isHelperListening } from '#base/node/helper-launch.ts';
import type { Invocation } from '../invocation.ts';

/** Makes sure that the privileged helper runs, and starts it with root's rights where it does not. `announce` tells the person. */
export async function openHelper(invocation: Invocation, announce: (text: string) => void): Promise<void> {
  if (await isHelperListening(invocation.paths.helperSocket)) return;
  const { startHelper } = await import('./start-helper.ts');
  await startHelper(invocation, announce);
}
