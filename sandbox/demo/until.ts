import { setTimeout as sleep } from 'node:timers/promises';

const changeTimeoutMs = 30_000;
const lookEveryMs = 200;

/** Reads until it is what is waited for. @throws Error with what it stayed like. */
export async function until(
  read: () => Promise<string> | string,
  isThere: (text: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const end = performance.now() + changeTimeoutMs;
  for (;;) {
    const text = await read();
    if (isThere(text)) return text;
    signal.throwIfAborted();
    if (performance.now() > end) throw new Error(`It stayed like this for ${changeTimeoutMs / 1_000} s:\n${text}`);
    await sleep(lookEveryMs, undefined, { signal });
  }
}
