import { setTimeout as sleep } from 'node:timers/promises';
import { askHttp } from './cluster-caller.ts';
import { eventually } from './eventually.ts';

export interface Answer {
  /** Since the traffic began. */
  readonly atMs: number;
  readonly tookMs: number;
  /** First word of what answered, or how it failed. */
  readonly from: 'laptop' | 'app' | 'nobody';
}

/** What callers of a Service saw. */
export interface TrafficReport {
  readonly answers: readonly Answer[];
  readonly byApp: number;
  readonly byNobody: number;
  /** From the first to the last request that nobody answered. */
  readonly outageMs: number;
  readonly longestMs: number;
  /** One line for the log. */
  readonly text: string;
}

/** A request every so often from inside the cluster, each on a connection of its own, whether or not the ones before were answered. */
export class SteadyTraffic {
  readonly #host: string;
  readonly #port: number;
  readonly #answers: Answer[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #startedAt = performance.now();
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor(host: string, port: number, everyMs = 100) {
    this.#host = host;
    this.#port = port;
    this.#running = this.#run(everyMs);
  }

  /** Resolves when the newest answers all come from there. */
  async waitFor(from: Answer['from'], timeoutMs: number, count = 5): Promise<void> {
    const since = this.#answers.length;
    await eventually(
      `answers come from ${from}`,
      () => {
        const latest = this.#answers.slice(since).slice(-count);
        if (latest.length < count || latest.some((answer) => answer.from !== from))
          throw new Error(latest.map((answer) => `${answer.from} ${Math.round(answer.tookMs)} ms`).join(', '));
      },
      { timeoutMs, intervalMs: 50 },
    );
  }

  async end(): Promise<TrafficReport> {
    this.#stop.abort();
    await this.#running;
    await Promise.all(this.#pending);
    const answers = this.#answers.toSorted((a, b) => a.atMs - b.atMs);
    const failed = answers.filter(({ from }) => from === 'nobody');
    const byApp = answers.filter(({ from }) => from === 'app').length;
    const outageMs = failed.length === 0 ? 0 : (failed.at(-1)?.atMs ?? 0) - (failed[0]?.atMs ?? 0);
    const longestMs = Math.max(...answers.map(({ tookMs }) => tookMs));
    const text =
      `${answers.length} requests in ${Math.round(performance.now() - this.#startedAt)} ms: ${byApp} answered by the app, ${failed.length} by nobody` +
      ` (over ${Math.round(outageMs)} ms), longest wait ${Math.round(longestMs)} ms`;
    return { answers, byApp, byNobody: failed.length, outageMs, longestMs, text };
  }

  async #run(everyMs: number): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const asked = this.#ask();
      this.#pending.add(asked);
      void asked.finally(() => this.#pending.delete(asked));
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #ask(): Promise<void> {
    const at = performance.now();
    const answer = await askHttp(this.#host, this.#port, '/x', 12_000).then(
      (text) => (text.startsWith('laptop') ? 'laptop' : 'app'),
      () => 'nobody' as const,
    );
    this.#answers.push({ atMs: at - this.#startedAt, tookMs: performance.now() - at, from: answer });
  }
}
