import type { DaemonState, Engagement, Preferences } from '#protocol/local-api/model.ts';
import { worstTrouble } from '../tray/trouble.ts';

/** Something that a person who looks elsewhere should hear of. `topic` is what can be switched off. */
export interface Notice {
  readonly topic: 'connection' | 'engagement' | 'handler';
  readonly title: string;
  readonly body: string;
  /** Key of the engagement that it is about. */
  readonly engagement?: string;
}

/**
 * What happened between two states of the daemon, without what the person has just done: ends and losses, and what came back. The
 * state that a connection to the daemon begins with is news to nobody.
 */
export function noticesBetween(before: DaemonState, after: DaemonState): readonly Notice[] {
  return [...connectionNotices(before, after), ...engagementNotices(before, after)].filter((notice) => isWanted(notice, after));
}

/** Absent preferences are the daemon's defaults: told. */
function isWanted({ topic }: Notice, { preferences }: DaemonState): boolean {
  const wanted: Preferences | undefined = preferences['preferences'];
  if (wanted === undefined) return true;
  return { connection: wanted.notifyConnection, engagement: wanted.notifyEngagement, handler: wanted.notifyHandler }[topic];
}

function connectionNotices(before: DaemonState, after: DaemonState): readonly Notice[] {
  const was = worstTrouble(before);
  const is = worstTrouble(after);
  if (is !== undefined && was === undefined) return [{ topic: 'connection', title: 'Telepresence has trouble', body: is.text }];
  const on = Object.values(after.connections).find((connection) => connection.state.kind === 'on');
  if (on === undefined) return [];
  const place = `${on.context} · ${on.namespace}`;
  if (was !== undefined && is === undefined) return [{ topic: 'connection', title: 'Telepresence is on again', body: place }];
  const earlier = before.connections[on.name]?.state.kind;
  if (earlier === 'paused') return [{ topic: 'connection', title: 'The pause is over', body: place }];
  return [];
}

function engagementNotices(before: DaemonState, after: DaemonState): readonly Notice[] {
  return Object.entries(after.engagements).flatMap(([key, engagement]) => {
    const earlier = before.engagements[key];
    if (earlier === undefined) return [];
    return [...stateNotice(key, earlier, engagement), ...handlerNotice(key, earlier, engagement)];
  });
}

function stateNotice(key: string, earlier: Engagement, { state, mode, workload }: Engagement): readonly Notice[] {
  if (state.kind === 'ended' && earlier.state.kind !== 'ended') {
    return [{ topic: 'engagement', title: `The ${mode} of ${workload} has ended`, body: state.reason.message, engagement: key }];
  }
  if (state.kind === 'waiting' && earlier.state.kind === 'active') {
    return [{ topic: 'engagement', title: `The ${mode} of ${workload} waits`, body: state.reason.message, engagement: key }];
  }
  return [];
}

function handlerNotice(key: string, earlier: Engagement, { process, workload }: Engagement): readonly Notice[] {
  if (process?.state.kind !== 'exited' || earlier.process?.state.kind !== 'running') return [];
  const { exitCode } = process.state;
  const title = `The handler of ${workload} has ended`;
  return [{ topic: 'handler', title, body: `${process.command} ended with ${exitCode}`, engagement: key }];
}
