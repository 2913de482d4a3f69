import type { TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import type { KeptBody } from './kept-body.ts';
import { hiddenTarget } from './secrets.ts';

/** Where a connection came from and went to. */
export interface TrafficPlace {
  readonly engagement: string;
  readonly from: string;
  readonly to: string;
}

/** What it is: a request, or a connection of another protocol, with the target of the request that began it. */
export type TrafficSubject =
  | { readonly kind: 'request'; readonly method: string; readonly target: string }
  | {
      readonly kind: 'connection';
      readonly protocol: Extract<TrafficEntry, { kind: 'connection' }>['protocol'];
      readonly target: string;
    };

/** A head is told by its beginning; a larger one is a lot of cookies. */
const maxKeptHeadCharacters = 8 * 1024;

/** What is kept of one request, or of one connection; written while it passes, thousands of times a second. */
export class TrafficRecord {
  readonly id: number;
  readonly place: TrafficPlace;
  readonly startedAt = Date.now();
  readonly #start = performance.now();
  /** The recorder's count of changes at its latest one. */
  changedAt = 0;
  state: TrafficEntry['state'] = 'open';
  durationMs: number | undefined;
  inBytes = 0;
  outBytes = 0;
  /** Secrets and all. */
  readonly subject: TrafficSubject;
  /** Nobody can ask for it any more. */
  isForgotten = false;
  status = 0;
  requestHead = '';
  responseHead = '';
  requestBody: KeptBody | undefined;
  responseBody: KeptBody | undefined;

  constructor(id: number, place: TrafficPlace, subject: TrafficSubject) {
    this.id = id;
    this.place = place;
    this.subject = subject;
  }

  end(state: 'done' | 'failed'): void {
    if (this.state !== 'open') return;
    this.state = state;
    this.durationMs = performance.now() - this.#start;
  }

  /** @returns how many bytes they had. */
  dropBodies(): number {
    const bytes = (this.requestBody?.bytes ?? 0) + (this.responseBody?.bytes ?? 0);
    this.requestBody = undefined;
    this.responseBody = undefined;
    return bytes;
  }

  /** As it is told; secrets of the target are hidden. */
  entry(): TrafficEntry {
    const { id, place, state, inBytes, outBytes, subject } = this;
    const common = {
      id,
      ...place,
      time: new Date(this.startedAt).toISOString(),
      ...(this.durationMs === undefined ? {} : { durationMs: Math.round(this.durationMs * 10) / 10 }),
      state,
      inBytes,
      outBytes,
    };
    const path = hiddenTarget(subject.target);
    if (subject.kind === 'connection') {
      return { kind: 'connection', ...common, protocol: subject.protocol, ...(path === '' ? {} : { path }) };
    }
    const host = hostOf(this.requestHead);
    return {
      kind: 'request',
      ...common,
      method: subject.method,
      path,
      ...(host === undefined ? {} : { host }),
      ...(this.status === 0 ? {} : { status: this.status }),
    };
  }
}

/** Whole heads but for those that are very long, of which the last line may be a piece. */
export function keptHead(text: string): string {
  return text.length <= maxKeptHeadCharacters ? text : text.slice(0, maxKeptHeadCharacters);
}

export function isHeadCut(text: string): boolean {
  return text.length === maxKeptHeadCharacters;
}

const hostPattern = /\r\nhost:[ \t]*([^\r]*)/i;

function hostOf(head: string): string | undefined {
  const host = hostPattern.exec(head)?.[1]?.trim();
  return host === '' ? undefined : host;
}
