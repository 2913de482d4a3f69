import { assertNever } from '#base/common/assert-never.ts';
import { exactPattern } from '#base/common/exact-pattern.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import type { Mirror } from '../stores/mirror.ts';

/** The product's five words for a connection. */
export type ConnectionWord = 'off' | 'connecting' | 'on' | 'paused' | 'trouble';

export function connectionWord({ state }: Pick<Connection, 'state'>): ConnectionWord {
  switch (state.kind) {
    case 'off':
    case 'connecting':
    case 'on':
    case 'paused':
      return state.kind;
    case 'degraded':
    case 'reconnecting':
      return 'trouble';
    default:
      return assertNever(state);
  }
}

/** Whether the cluster can be asked through it. */
export function isLive(connection: Connection | undefined): boolean {
  const kind = connection?.state.kind;
  return kind === 'on' || kind === 'degraded' || kind === 'reconnecting' || kind === 'paused';
}

/** The connection that the pages are about: the chosen one, else the first that is not off, else the latest failure. */
export function selectConnection({ state }: Mirror, chosen: string | undefined): Connection | undefined {
  const all = Object.values(state?.connections ?? {});
  const named = chosen === undefined ? undefined : all.find(({ name }) => name === chosen);
  return named ?? all.find((connection) => connection.state.kind !== 'off') ?? all[0];
}

/** The `use` of calls: names go through a regular expression there. */
export function exactly({ name }: Pick<Connection, 'name'>): string {
  return exactPattern(name);
}
