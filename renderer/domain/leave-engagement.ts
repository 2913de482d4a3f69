import { create } from 'zustand';
import type { Engagement } from '#protocol/local-api/model.ts';
import { callDaemon } from '../api/daemon-session.ts';
import { actUnlessUndone } from '../stores/messages.ts';
import { texts } from '../texts/en.ts';
import { inBackground } from './connection-actions.ts';
import { exactly } from './connection-view.ts';

/** Keys of engagements that are about to be left, or being left: shown as such until the daemon's state says more. */
export const useLeaving = create<{ readonly keys: ReadonlySet<string> }>()(() => ({ keys: new Set() }));

/** Leaves after five seconds in which it can be taken back; nothing has happened until then. */
export function leaveUnlessUndone({ connection, name }: Pick<Engagement, 'connection' | 'name'>): void {
  const key = `${connection}/${name}`;
  if (useLeaving.getState().keys.has(key)) return;
  mark(key, true);
  const leave = async () => {
    try {
      await callDaemon('leave', { use: exactly({ name: connection }), name });
    } finally {
      mark(key, false);
    }
  };
  actUnlessUndone(
    texts.engagements.leaving(name),
    () => inBackground(leave()),
    () => mark(key, false),
  );
}

function mark(key: string, isLeaving: boolean): void {
  useLeaving.setState(({ keys }) => {
    const next = new Set(keys);
    if (isLeaving) next.add(key);
    else next.delete(key);
    return { keys: next };
  });
}
