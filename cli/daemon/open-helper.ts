import { isHelperListening } from '#base/node/helper-launch.ts';
import type { Invocation } from '../invocation.ts';

/** Makes sure that the privileged helper runs while there is work for it. */
export interface HelperStart<T> {
  /** Throws what is refused with a helper, too: nobody is asked for a password for that. */
  check(): Promise<unknown>;
  /** Waits for a helper that is just being started. */
  work(signal: AbortSignal): Promise<T>;
  /** Tells the person. */
  announce(text: string): void;
}

/** Starts the helper with root's rights where it does not run. Root is asked nothing, so that its helper starts beside the work. */
export async function withHelper<T>(invocation: Invocation, { check, work, announce }: HelperStart<T>): Promise<T> {
  const { paths, signal } = invocation;
  if (await isHelperListening(paths.helperSocket)) return await work(signal);
  await check();
  const { startHelper } = await import('./start-helper.ts');
  if (process.getuid?.() !== 0) {
    await startHelper(invocation, announce);
    return await work(signal);
  }
  const failed = new AbortController();
  const working = work(AbortSignal.any([signal, failed.signal]));
  working.catch(() => undefined);
  try {
    await startHelper(invocation, announce);
  } catch (error) {
    failed.abort();
    // Its end is the answer to Ctrl-C: what had been made is taken back by then.
    if (signal.aborted) return await working;
    await working.catch(() => undefined);
    throw error;
  }
  return await working;
}
