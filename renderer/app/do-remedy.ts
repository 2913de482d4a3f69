import { assertNever } from '#base/common/assert-never.ts';
import type { Connection, ConnectRequest } from '#protocol/local-api/model.ts';
import { callDaemon } from '../api/daemon-session.ts';
import { disconnect } from '../domain/connection-actions.ts';
import { showDone } from '../stores/messages.ts';
import { selectConnections, selectRecents, useMirror } from '../stores/mirror.ts';
import { type AskedRemedy, type ConnectChange, openPlace } from '../stores/view.ts';
import { texts } from '../texts/en.ts';

/** Does what the person said yes to. @throws AppError */
export async function doRemedy(remedy: AskedRemedy): Promise<void> {
  const connection = connectionOf(remedy);
  switch (remedy.kind) {
    case 'stop-daemon':
      await callDaemon('quit', {});
      return;
    case 'disconnect':
      if (connection !== undefined) await disconnect(connection);
      return;
    case 'reconnect':
      if (connection !== undefined) await reconnect(connection, remedy.change);
      return;
    case 'upgrade': {
      const { version } = await callDaemon('install', {
        kubeFlags: connection === undefined ? {} : { context: connection.context },
        ...(connection === undefined ? {} : { managerNamespace: connection.managerNamespace }),
        action: 'upgrade',
        values: remedy.values.map((expression) => ({ kind: 'set', expression })),
        ...(remedy.isReused ? { base: 'reuse' } : {}),
        createNamespace: false,
        dryRun: false,
      });
      showDone(texts.shell.remedyUpgraded(version));
      return;
    }
    default:
      return assertNever(remedy);
  }
}

export function connectionOf(remedy: AskedRemedy): Connection | undefined {
  if (remedy.kind === 'stop-daemon' || remedy.connection === undefined) return undefined;
  return selectConnections(useMirror.getState())[remedy.connection];
}

async function reconnect(connection: Connection, change: ConnectChange): Promise<void> {
  const request = changedRequest(connection, change);
  const { context = connection.context } = request.kubeFlags;
  const place = `${context} · ${request.namespace ?? connection.namespace}`;
  openPlace({ page: 'connect' });
  await disconnect(connection);
  const run = await import('../features/connect/connect-run.ts');
  await run.startConnect(request, place);
}

/** As it was asked for, where that is remembered, but for what changes. */
function changedRequest(connection: Connection, { context, ...change }: ConnectChange): ConnectRequest {
  const { mode, namespace, managerNamespace } = connection;
  const recent = Object.values(selectRecents(useMirror.getState())).find(
    (each) => each.context === connection.context && each.namespace === namespace && (each.request.mode ?? 'host') === mode,
  );
  const former = recent?.request ?? {
    kubeFlags: { context: connection.context },
    namespace,
    managerNamespace,
    ...(mode === 'host' ? {} : { mode }),
  };
  return { ...former, kubeFlags: { ...former.kubeFlags, ...(context === undefined ? {} : { context }) }, ...change };
}
