import { assertNever } from '#base/common/assert-never.ts';
import type { LogSource } from '#protocol/local-api/log-api.ts';

/** A log of which there may be several. */
type SubjectSource = Extract<LogSource, { kind: 'handler' | 'agent' | 'pod' }>;

/** What tells it from the others of its kind. */
export function logSubject(source: SubjectSource): string {
  switch (source.kind) {
    case 'handler':
      return source.engagement;
    case 'agent':
      return source.pod;
    case 'pod':
      return `${source.pod} · ${source.container}`;
    default:
      return assertNever(source);
  }
}
