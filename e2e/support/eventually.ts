import { setTimeout as sleep } from 'node:timers/promises';

export interface EventuallyOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /** Default 200 ms. */
  readonly intervalMs?: number;
}

/** Tries until it does not throw; after the time limit it throws what the latest attempt threw. */
export async function eventually<T>(what: string, attempt: () => Promise<T> | T, options: EventuallyOptions = {}): Promise<T> {
  const timeoutMs = options.timeoutMs ?? 30_000;
  const end = performance.now() + timeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() >= end) {
        const reason = error instanceof Error ? error.message : String(error);
        throw new Error(`${what}: not within ${timeoutMs} ms. Latest: ${reason}`, { cause: error });
      }
    }
    await sleep(options.intervalMs ?? 200);
  }
}
