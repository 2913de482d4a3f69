import { setTimeout as delay } from 'node:timers/promises';
import type { Container, Probe } from './pod-types.ts';
import { type ProbeTarget, probeSettings, runProbe } from './probes.ts';

export interface HealthWatch {
  readonly container: Container;
  readonly target: ProbeTarget;
  /** Aborted when the container has ended. */
  readonly signal: AbortSignal;
  setStarted(): void;
  setReady(isReady: boolean): void;
  unhealthy(probe: string, message: string): void;
  /** The container has to be started anew. */
  fail(probe: string): void;
}

/** A program that has just started is asked this often until it first answers, so that nobody waits for a whole period. */
const eagerPeriodMs = 150;
const eagerMs = 4_000;

/** Asks the container's probes until it ends. */
export async function watchHealth(watch: HealthWatch): Promise<void> {
  const { startupProbe, readinessProbe, livenessProbe } = watch.container;
  if (startupProbe !== undefined) {
    const isStarted = await watchProbe(watch, 'Startup', startupProbe, (isGood) => (isGood ? 'done' : 'failed'));
    if (!isStarted) return;
    watch.setStarted();
  }
  await Promise.all([
    readinessProbe === undefined
      ? undefined
      : watchProbe(watch, 'Readiness', readinessProbe, (isGood) => {
          watch.setReady(isGood);
          return 'go-on';
        }),
    livenessProbe === undefined
      ? undefined
      : watchProbe(watch, 'Liveness', livenessProbe, (isGood) => (isGood ? 'go-on' : 'failed')),
  ]);
}

/** Calls `decide` each time that enough results in a row say the same. Resolves to whether it said that it is done. */
async function watchProbe(
  { signal, target, unhealthy, fail }: HealthWatch,
  name: string,
  probe: Probe,
  decide: (isGood: boolean) => 'go-on' | 'done' | 'failed',
): Promise<boolean> {
  const { delayMs, periodMs, timeoutMs, successThreshold, failureThreshold } = probeSettings(probe);
  const startedAt = performance.now();
  let [successes, failures, hasAnswered] = [0, 0, false];
  await sleep(delayMs, signal);
  while (!signal.aborted) {
    const result = await runProbe(target, probe, timeoutMs);
    if (signal.aborted) break;
    hasAnswered ||= result.isSuccess;
    const isEager = !hasAnswered && name !== 'Liveness' && performance.now() - startedAt < eagerMs;
    if (!isEager) {
      [successes, failures] = result.isSuccess ? [successes + 1, 0] : [0, failures + 1];
      if (!result.isSuccess) unhealthy(name, result.message);
      const verdict = successes >= successThreshold ? decide(true) : failures >= failureThreshold ? decide(false) : 'go-on';
      if (verdict === 'done') return true;
      if (verdict === 'failed') {
        fail(name);
        return false;
      }
    }
    await sleep(isEager ? Math.min(eagerPeriodMs, periodMs) : periodMs, signal);
  }
  return false;
}

async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await delay(ms, undefined, { signal }).catch(() => undefined);
}
