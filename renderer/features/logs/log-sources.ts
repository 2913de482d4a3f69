import { create } from 'zustand';
import type { LogSource } from '#protocol/local-api/log-api.ts';
import { logSubject } from '../../domain/log-subject.ts';
import { texts } from '../../texts/en.ts';

const words = texts.logs;

/** The log that the page shows when it is opened without one in mind. */
export const useChosenSource = create<{ readonly source: LogSource }>()(() => ({ source: { kind: 'daemon' } }));

export type SourceGroup = keyof typeof words.groups;

/** As it stands in the list, below its group's name. */
export function sourceName(source: LogSource): string {
  switch (source.kind) {
    case 'daemon':
    case 'helper':
    case 'app':
    case 'manager':
      return words.names[source.kind];
    default:
      return logSubject(source);
  }
}

/** By itself, without the list around it. */
export function sourceTitle(source: LogSource): string {
  switch (source.kind) {
    case 'handler':
      return words.handlerOf(source.engagement);
    case 'agent':
      return words.agentOf(source.pod);
    default:
      return sourceName(source);
  }
}

/** The same for logs that are the same. */
export function sourceKey(source: LogSource): string {
  switch (source.kind) {
    case 'handler':
      return `handler ${source.engagement}`;
    case 'agent':
      return `agent ${source.namespace}/${source.pod}`;
    case 'pod':
      return `pod ${source.namespace}/${source.pod}/${source.container}`;
    default:
      return source.kind;
  }
}

/** Groups that have members, in the order in which they are shown. */
export function groupSources(
  sources: readonly LogSource[],
): readonly (readonly [group: SourceGroup, members: readonly LogSource[]])[] {
  const groups: Readonly<Record<SourceGroup, LogSource[]>> = { laptop: [], cluster: [], handlers: [], agents: [], pods: [] };
  for (const source of sources) groups[groupOf(source)].push(source);
  return (Object.entries(groups) as [SourceGroup, LogSource[]][]).filter(([, members]) => members.length > 0);
}

function groupOf({ kind }: LogSource): SourceGroup {
  if (kind === 'manager') return 'cluster';
  if (kind === 'handler') return 'handlers';
  if (kind === 'agent') return 'agents';
  return kind === 'pod' ? 'pods' : 'laptop';
}
