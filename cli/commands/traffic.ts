import { resolve } from 'node:path';
import { exactPattern } from '#base/common/exact-pattern.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { readState } from '#net/rpc/state-mirror.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { TrafficDetail, TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import { filterTraffic, type StatusClass, statusClasses, type TrafficFilter } from '#protocol/local-api/traffic-filter.ts';
import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';
import { printable, trafficDetailLines, trafficDocument, trafficLine } from './traffic-text.ts';

export interface TrafficOptions {
  readonly follow?: boolean;
  readonly method?: readonly string[];
  readonly status?: readonly string[];
  readonly grep?: string;
  readonly detail?: boolean;
  readonly bodies?: boolean;
  readonly curl?: boolean;
  readonly har?: string;
  readonly reveal?: boolean;
  readonly clear?: boolean;
}

/** The daemon keeps details of no more. */
const maxExported = 2_000;

/** Shows requests and connections of engagements: those that are kept, or with `--follow` those that come, until Ctrl-C. */
export const traffic: Command<TrafficOptions> = async (invocation, options, [engagement]) => {
  const { output } = invocation;
  const filter = filterOf(options);
  if (options.follow === true && (output.format === 'json' || output.format === 'yaml')) {
    throw usageError('--follow has no end to write one document for', '--output json-stream');
  }
  return await withApi(requireDaemon(invocation), async (api) => {
    const use = await chosenUse(api, invocation, engagement);
    if (options.clear === true) {
      await api.call('clearTraffic', use);
      output.result({ cleared: true }, () => 'The recorded traffic is forgotten');
      return 0;
    }
    const printer = new TrafficPrinter(api, use, invocation, options);
    const entries = await watch(api, { ...use, engagement, options, filter }, printer, invocation);
    if (options.har !== undefined) {
      const ids = entries.flatMap(({ kind, id }) => (kind === 'request' ? [id] : [])).slice(-maxExported);
      const outputFile = resolve(invocation.io.cwd, options.har);
      const archive = await api.call('exportTraffic', { ...use, ids, reveal: options.reveal === true, outputFile });
      const missing = archive.missing === 0 ? '' : `; ${archive.missing} are not kept any more`;
      const secrets = options.reveal === true ? 'with secrets and bodies' : 'redacted: without secrets and bodies';
      output.result(archive, () => `${archive.entries} requests have been written to ${archive.file} (${secrets}${missing})`);
    } else printer.finish();
    return options.follow === true ? 130 : 0;
  });
};

type Use = { readonly use?: string };

/** Of several connections, the one that has the engagement. */
async function chosenUse(api: ApiClient, { globals }: Invocation, engagement: string | undefined): Promise<Use> {
  if (globals.use !== undefined) return { use: globals.use };
  const { engagements } = await readState(api);
  const owners = Object.values(engagements).filter(({ name }) => name === engagement);
  const [owner] = owners;
  if (owner === undefined || owners.length > 1) return {};
  return { use: exactPattern(owner.connection) };
}

interface Wanted extends Use {
  readonly engagement: string | undefined;
  readonly options: TrafficOptions;
  readonly filter: TrafficFilter;
}

/** Prints what fits, and resolves to it: at once, or on Ctrl-C. */
async function watch(
  api: ApiClient,
  { use, engagement, options, filter }: Wanted,
  printer: TrafficPrinter,
  { signal, output }: Invocation,
): Promise<TrafficEntry[]> {
  const isFollowing = options.follow === true;
  const found = new Map<number, TrafficEntry>();
  const end = new AbortController();
  const both = AbortSignal.any([signal, end.signal]);
  const input = {
    ...(use === undefined ? {} : { use }),
    ...(engagement === undefined ? {} : { engagement }),
    bodies: isFollowing && options.bodies === true,
  };
  const take = (entries: readonly TrafficEntry[]) => {
    const fitting = filterTraffic(entries, filter);
    for (const entry of fitting) found.set(entry.id, entry);
    for (const id of [...found.keys()].slice(0, -maxExported)) found.delete(id);
    printer.print(fitting);
  };
  while (!both.aborted) {
    try {
      await api.subscribe('watchTraffic', input, {
        signal: both,
        onEvent: (event) => {
          if (event.kind === 'cleared') return;
          take(event.entries);
          if (event.kind === 'changed' && event.skipped > 0) output.note(`${event.skipped} more came too fast to be shown`);
          if (!isFollowing) end.abort();
        },
      });
      // A daemon that ends its subscription has nothing more to say.
      break;
    } catch (error) {
      // A reader that was too slow gets a fresh start.
      if (!(error instanceof AppError) || error.code !== 'subscription.lagging') throw error;
    }
  }
  await printer.printed;
  return [...found.values()].toSorted((a, b) => a.id - b.id);
}

/** Writes entries in their order; those that are followed once they have ended. */
class TrafficPrinter {
  readonly #api: ApiClient;
  readonly #use: Use;
  readonly #output: Invocation['output'];
  readonly #options: TrafficOptions;
  readonly #isAsking: boolean;
  readonly #documents: unknown[] = [];
  readonly #shown = new Set<string>();
  #printed: Promise<void> = Promise.resolve();

  constructor(api: ApiClient, use: Use, { output }: Invocation, options: TrafficOptions) {
    this.#api = api;
    this.#use = use;
    this.#output = output;
    this.#options = options;
    this.#isAsking = options.detail === true || options.curl === true;
  }

  get printed(): Promise<void> {
    return this.#printed;
  }

  print(entries: readonly TrafficEntry[]): void {
    const isStream = this.#output.format === 'json-stream';
    const due = entries.filter((entry) => {
      // A stream tells of what is open, too, and a connection may be open for long.
      const isDue = this.#options.follow !== true || isStream || entry.state !== 'open' || entry.kind === 'connection';
      const key = `${entry.id} ${entry.state} ${isStream && entry.kind === 'request' ? entry.status : ''}`;
      if (!isDue || this.#shown.has(key)) return false;
      this.#shown.add(key);
      return true;
    });
    if (this.#shown.size > 2 * maxExported) for (const key of [...this.#shown].slice(0, maxExported)) this.#shown.delete(key);
    if (!this.#isAsking) for (const entry of due) this.#write(entry, undefined);
    else this.#printed = this.#printed.then(async () => await this.#ask(due));
  }

  /** What a document of all of it is written for. */
  finish(): void {
    const { format } = this.#output;
    if (format === 'json' || format === 'yaml') this.#output.result(this.#documents, () => '');
    else if (format === 'default' && this.#shown.size === 0 && this.#options.follow !== true)
      this.#output.line('No requests yet');
  }

  async #ask(entries: readonly TrafficEntry[]): Promise<void> {
    for (const entry of entries) {
      let detail: TrafficDetail | undefined;
      try {
        detail = await this.#api.call('readTraffic', { ...this.#use, id: entry.id, reveal: this.#options.reveal === true });
      } catch (error) {
        if (AppError.from(error).code !== 'not-found') throw error;
      }
      this.#write(detail?.entry ?? entry, detail);
    }
  }

  #write(entry: TrafficEntry, detail: TrafficDetail | undefined): void {
    const output = this.#output;
    if (output.format === 'json-stream') return output.stream(trafficDocument(entry, detail));
    if (output.format !== 'default') return void this.#documents.push(trafficDocument(entry, detail));
    if (this.#options.curl === true) {
      if (detail?.curl !== undefined) output.line(detail.curl.command.split('\n').map(printable).join('\n'));
      return;
    }
    output.line(trafficLine(entry));
    if (detail !== undefined) for (const line of trafficDetailLines(detail)) output.line(line);
  }
}

function filterOf({ method = [], status = [], grep = '' }: TrafficOptions): TrafficFilter {
  return {
    text: grep,
    engagements: [],
    methods: method.map((name) => name.toUpperCase()),
    statuses: status.map(statusClass),
  };
}

function statusClass(text: string): StatusClass {
  const name = text.toLowerCase().replace(/^(\d)xx$/, '$1');
  const found = (['1', ...statusClasses] as const).find((known) => known === name);
  if (found !== undefined) return found;
  throw usageError(`--status does not know "${text}"`, '2xx, 3xx, 4xx, 5xx, open or failed, several by commas');
}

function usageError(message: string, hint: string): AppError {
  return new AppError({ code: 'usage', message, remedies: [{ label: `Write ${hint}` }] });
}
