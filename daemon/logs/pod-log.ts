import { StringDecoder } from 'node:string_decoder';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '#base/common/log.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { namespacePath } from './cluster-pods.ts';
import type { LogLots } from './log-lots.ts';

export interface PodContainer {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
}

/** Between attempts to go on reading: from the first to the second. */
const firstRetryMs = 500;
const maxRetryMs = 10_000;

/** One answer with the lines of the past: 10,000 lines of common length. */
const historyTimeoutMs = 30_000;
const maxHistoryBytes = 16 * 1024 * 1024;

export function podLogPath({ namespace, pod }: PodContainer): string {
  return `${namespacePath(namespace)}/pods/${encodeURIComponent(pod)}/log`;
}

/**
 * The latest lines of a container, then live, across broken connections and restarts of the container. Ends when the pod is gone or
 * `signal` aborts.
 *
 * @throws where the first request fails: KubeStatusError, or Node's own.
 */
export async function followPodLog(
  client: KubeClient,
  place: PodContainer,
  options: { readonly history: number; readonly lots: LogLots; readonly signal: AbortSignal; readonly logger: Logger },
): Promise<void> {
  const { history, lots, signal, logger } = options;
  const path = podLogPath(place);
  const seen = new SeenLines();
  const base = { container: place.container, timestamps: true };
  const query = { ...base, tailLines: history, limitBytes: maxHistoryBytes };
  const past = (await client.requestText({ method: 'GET', path, query, signal, timeoutMs: historyTimeoutMs }))
    .split('\n')
    .slice(0, -1);
  for (const line of past) seen.add(line);
  lots.history(past);
  let retryMs = firstRetryMs;
  // Without a line of the past there is nothing to go on from: with a history that is the beginning, without it the present.
  let since: Record<string, string | number> = history === 0 ? { tailLines: 0 } : {};
  while (!signal.aborted) {
    if (seen.latest !== undefined) since = { sinceTime: seen.latest };
    seen.restart();
    try {
      for await (const line of linesOf(client.stream(path, { ...base, ...since, follow: true }, signal))) {
        retryMs = firstRetryMs;
        if (seen.add(line)) lots.push(line);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof KubeStatusError && error.status === 404) return;
      logger.debug('A log is read anew', { ...place, error });
    }
    await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    retryMs = Math.min(maxRetryMs, retryMs * 2);
  }
}

/**
 * Which lines were there before. The API server takes whole seconds only, so that a part of what it sends anew is known: lines before the
 * latest time, and as many of that very time as there were.
 */
class SeenLines {
  #latestKey = '';
  #countAtLatest = 0;
  /** Of those, how many may still come again. */
  #mayRepeat = 0;
  /** RFC 3339, as the API server wrote it. */
  latest: string | undefined;

  /** Before the lines since `latest` are told anew. */
  restart(): void {
    this.#mayRepeat = this.#countAtLatest;
  }

  /** @returns whether it is new. */
  add(line: string): boolean {
    const time = line.slice(0, line.indexOf(' '));
    const key = sortable(time);
    // The second half of a line, for instance.
    if (key === undefined) return true;
    if (key < this.#latestKey) return false;
    if (key === this.#latestKey) {
      this.#mayRepeat -= 1;
      if (this.#mayRepeat >= 0) return false;
      this.#countAtLatest += 1;
      return true;
    }
    this.#latestKey = key;
    this.#countAtLatest = 1;
    this.#mayRepeat = 0;
    this.latest = time;
    return true;
  }
}

/** Go leaves zeros at the end of a fraction out. */
function sortable(time: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z$/.exec(time);
  return match === null ? undefined : `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}`;
}

/** Complete lines; what is behind the last newline is one too. */
export async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
