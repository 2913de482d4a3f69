import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Bytes of buffers after which the young generation is collected: a small heap is marked each 16 to 32 MiB otherwise. */
const collectAfterBytes = 4 * 1024 * 1024;

let passed = 0;
let collect: ((options: { readonly type: 'minor' }) => void) | undefined;

/**
 * To be told of every buffer that passes a thread and is garbage at once. V8 sees but small objects in them, and so marks the whole heap, at
 * a third of the thread's time, over and over; a collection of the young generation in time takes half a millisecond and frees the
 * same.
 */
export function bufferPassed(bytes: number): void {
  passed += bytes;
  if (passed < collectAfterBytes) return;
  passed = 0;
  collect ??= exposedCollector();
  collect({ type: 'minor' });
}

function exposedCollector(): (options: { readonly type: 'minor' }) => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;
}
