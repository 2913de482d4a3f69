import type { TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import { texts } from '../texts/en.ts';
import type { DataColumn } from '../ui/data-table.tsx';
import { type Shape, ShapeIcon, type Tone } from '../ui/shape.tsx';
import { bytesText, durationText } from './time-text.ts';

const words = texts.traffic;
const names = words.columnNames;

/** What it was: "GET /x", or the protocol. */
export function trafficTitle(entry: TrafficEntry): string {
  return entry.kind === 'request'
    ? `${entry.method} ${entry.path}`
    : [words.protocols[entry.protocol], entry.path].join(' ').trim();
}

/** Its outcome in a word. */
export function trafficStatus(entry: TrafficEntry): string {
  if (entry.kind === 'connection') {
    if (entry.protocol === 'refused') return words.refused;
    return entry.state === 'open' ? words.open : entry.state === 'done' ? words.done : words.failedState;
  }
  const status = entry.status === undefined ? '' : String(entry.status);
  if (entry.state === 'failed') return status === '' ? words.failedState : `${status} ${words.failedState}`;
  return status === '' ? words.open : status;
}

/** With milliseconds, which tell neighbours apart. */
export function trafficTime(time: string): string {
  const date = new Date(time);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** A shape and a number: never the colour alone. */
export function TrafficStatus({ entry }: { readonly entry: TrafficEntry }) {
  const { shape, tone } = signOf(entry);
  return (
    <span className="ui-state">
      <ShapeIcon shape={shape} tone={tone} />
      <span className="tp-cut tp-number">{trafficStatus(entry)}</span>
    </span>
  );
}

function signOf(entry: TrafficEntry): { readonly shape: Shape; readonly tone: Tone } {
  if (entry.state === 'failed') return { shape: 'cross', tone: 'bad' };
  if (entry.state === 'open') return { shape: 'hollow', tone: 'accent' };
  if (entry.kind === 'connection' || entry.status === undefined) return { shape: 'dash', tone: 'dim' };
  if (entry.status >= 500) return { shape: 'triangle', tone: 'bad' };
  if (entry.status >= 400) return { shape: 'triangle', tone: 'warn' };
  return { shape: 'check', tone: 'good' };
}

const unknown = <span className="tp-dim">–</span>;

/** Every column, in order. */
export const trafficColumns: readonly DataColumn<TrafficEntry>[] = [
  {
    id: 'time',
    label: names.time,
    width: '92px',
    value: ({ id }) => id,
    cell: ({ time }) => trafficTime(time),
    isNumber: true,
  },
  {
    id: 'engagement',
    label: names.engagement,
    width: 'minmax(92px, 0.8fr)',
    value: ({ engagement }) => engagement,
    cell: ({ engagement }) => engagement,
  },
  {
    id: 'method',
    label: names.method,
    width: '84px',
    value: (entry) => (entry.kind === 'request' ? entry.method : words.protocols[entry.protocol]),
    cell: (entry) => (entry.kind === 'request' ? entry.method : <em>{words.protocols[entry.protocol]}</em>),
  },
  {
    id: 'path',
    label: names.path,
    width: 'minmax(140px, 3fr)',
    value: ({ path = '' }) => path,
    cell: ({ path }) =>
      path === undefined ? <span className="tp-dim">{words.connection}</span> : <code title={path}>{path}</code>,
  },
  {
    id: 'status',
    label: names.status,
    width: 'minmax(86px, 0.7fr)',
    value: (entry) => (entry.kind === 'request' ? (entry.status ?? 0) : 0),
    cell: (entry) => <TrafficStatus entry={entry} />,
  },
  {
    id: 'duration',
    label: names.duration,
    width: '76px',
    value: ({ durationMs = Number.POSITIVE_INFINITY }) => durationMs,
    cell: ({ durationMs }) => (durationMs === undefined ? unknown : durationText(durationMs)),
    isNumber: true,
  },
  {
    id: 'size',
    label: names.size,
    width: '80px',
    value: sizeOf,
    cell: (entry) => bytesText(sizeOf(entry)),
    isNumber: true,
  },
  {
    id: 'from',
    label: names.from,
    width: 'minmax(132px, 1fr)',
    value: ({ from }) => from,
    cell: ({ from }) => <span className="tp-number">{from}</span>,
  },
  {
    id: 'to',
    label: names.to,
    width: 'minmax(110px, 1fr)',
    value: ({ to }) => to,
    cell: ({ to }) => <span className="tp-number">{to}</span>,
  },
];

/** Of a request what was answered; of a connection all. */
function sizeOf(entry: TrafficEntry): number {
  return entry.kind === 'request' ? entry.outBytes : entry.inBytes + entry.outBytes;
}
