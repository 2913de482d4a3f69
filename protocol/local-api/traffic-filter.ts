import type { TrafficEntry } from './traffic-api.ts';

/** How every client narrows traffic down. */

export const statusClasses = ['2', '3', '4', '5', 'open', 'failed'] as const;
/** `1` is what a request that became another protocol has. */
export type StatusClass = (typeof statusClasses)[number] | '1';

/** What connections that are not HTTP/1.1 have instead of a method. */
export const connectionMethod = 'connection';

/** An entry fits where each part that says anything has one that it fits. */
export interface TrafficFilter {
  readonly text: string;
  readonly engagements: readonly string[];
  readonly methods: readonly string[];
  readonly statuses: readonly StatusClass[];
}

export const noFilter: TrafficFilter = { text: '', engagements: [], methods: [], statuses: [] };

export function filterTraffic(entries: readonly TrafficEntry[], filter: TrafficFilter): readonly TrafficEntry[] {
  const words = filter.text
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== '');
  const { engagements, methods, statuses } = filter;
  return entries.filter((entry) => {
    if (engagements.length > 0 && !engagements.includes(entry.engagement)) return false;
    if (methods.length > 0 && !methods.includes(methodOf(entry))) return false;
    if (statuses.length > 0 && !statuses.includes(statusClassOf(entry))) return false;
    if (words.length === 0) return true;
    const text = searchText(entry);
    return words.every((word) => text.includes(word));
  });
}

export function methodOf(entry: TrafficEntry): string {
  return entry.kind === 'request' ? entry.method : connectionMethod;
}

export function statusClassOf(entry: TrafficEntry): StatusClass {
  if (entry.state === 'failed') return 'failed';
  if (entry.state === 'open') return 'open';
  const first = entry.kind === 'request' ? String(entry.status ?? 200)[0] : '2';
  return first === '1' || first === '3' || first === '4' || first === '5' ? first : '2';
}

function searchText(entry: TrafficEntry): string {
  const { path = '', from, to, engagement } = entry;
  const more = entry.kind === 'request' ? `${entry.method} ${entry.host ?? ''} ${entry.status ?? ''}` : entry.protocol;
  return `${path} ${from} ${to} ${engagement} ${more}`.toLowerCase();
}
