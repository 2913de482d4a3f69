import { assertNever } from '#base/common/assert-never.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { selectEngagements, useMirror } from '../stores/mirror.ts';
import { openPlace, useView } from '../stores/view.ts';
import { inBackground, resumeConnection } from './connection-actions.ts';
import { isLive, selectConnection } from './connection-view.ts';
import { engagementKey } from './engagement-view.ts';
import { type RemedyPlan, remedyPlan } from './remedy-plan.ts';

/**
 * What the window itself can do where a remedy names a command line; undefined: the person takes the command to a shell. What ends or
 * changes something asks first. `about`: name of the connection that the remedy is about.
 */
export function remedyAction(command: string, about?: string): (() => void) | undefined {
  const plan = remedyPlan(command);
  if (plan === undefined) return undefined;
  if (plan.kind !== 'leave') return () => act(plan, command, about);
  const engagement = Object.values(selectEngagements(useMirror.getState())).find(({ name }) => name === plan.engagement);
  // Those of others are theirs to leave.
  if (engagement === undefined) return undefined;
  return () => openPlace({ page: 'engagements', engagement: engagementKey(engagement) });
}

function act(plan: Exclude<RemedyPlan, { kind: 'leave' }>, command: string, about: string | undefined): void {
  const connection = liveConnection(about);
  switch (plan.kind) {
    case 'open':
      return openPlace(plan.place);
    case 'connect': {
      const isChange = plan.isAgain || Object.keys(plan.change).length > 0;
      if (connection === undefined || !isChange) return openPlace({ page: 'connect', change: plan.change });
      return ask({ kind: 'reconnect', command, connection: connection.name, change: plan.change });
    }
    case 'disconnect':
      return connection === undefined
        ? openPlace({ page: 'connect' })
        : ask({ kind: 'disconnect', command, connection: connection.name });
    case 'resume':
      return connection === undefined ? openPlace({ page: 'connect' }) : inBackground(resumeConnection(connection));
    case 'stop-daemon':
      return ask({ kind: 'stop-daemon', command });
    case 'upgrade':
      return ask({
        kind: 'upgrade',
        command,
        connection: connection?.name,
        values: plan.values,
        isReused: plan.isReused,
      });
    default:
      return assertNever(plan);
  }
}

function liveConnection(about: string | undefined): Connection | undefined {
  const connection = selectConnection(useMirror.getState(), about ?? useView.getState().connection);
  return isLive(connection) ? connection : undefined;
}

function ask(remedy: NonNullable<ReturnType<typeof useView.getState>['remedy']>): void {
  useView.setState({ remedy });
}
