import { join } from 'node:path';
import type { Handlers } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import type { Connections } from '../connection/connections.ts';
import { type TerminalPlace, Terminals } from './terminals.ts';

type TerminalCalls =
  | 'openTerminal'
  | 'attachTerminal'
  | 'acknowledgeTerminal'
  | 'writeTerminal'
  | 'resizeTerminal'
  | 'closeTerminal';

/** The calls of the local API that are about terminals. */
export function createTerminalHandlers(daemon: DaemonContext, connections: Connections): Pick<Handlers, TerminalCalls> {
  const terminals = new Terminals({
    state: daemon.state,
    logger: daemon.logger.child('terminals'),
    directory: join(daemon.paths.runtimeDirectory, 'terminals'),
    env: daemon.env,
  });
  daemon.onQuit(async (stage) => {
    if (Object.keys(daemon.state.state.terminals).length > 0) stage('Closing terminals');
    await terminals.end();
  });

  return {
    async openTerminal(input) {
      const { columns, rows, directory, command, title } = input;
      const place = placeOf(connections, input);
      const engagement = await engagementOf(connections, place, input.engagement);
      return { terminal: await terminals.open({ columns, rows, directory, command, title, place, engagement }) };
    },
    async attachTerminal({ id }, { emit, signal }) {
      await terminals.session(id).attach(emit, signal);
      return {};
    },
    async acknowledgeTerminal({ id, attachment, characters }) {
      terminals.session(id).acknowledge(attachment, characters);
      return {};
    },
    async writeTerminal({ id, data }) {
      terminals.session(id).write(data);
      return {};
    },
    async resizeTerminal({ id, columns, rows }) {
      terminals.session(id).resize(columns, rows);
      return {};
    },
    async closeTerminal({ id }) {
      await terminals.close(id);
      return {};
    },
  };
}

/** Without a connection, and without one that is asked for, it is a terminal like any other. */
function placeOf(connections: Connections, { use, engagement }: CallInput<'openTerminal'>): TerminalPlace | undefined {
  if (use === undefined && engagement === undefined && connections.isEmpty) return undefined;
  const { request, connection } = connections.target(use);
  const { name, context, namespace, namespacePid } = connection;
  if (connection.mode === 'rootless' && namespacePid === undefined) {
    throw new AppError({
      code: 'connection.lost',
      message: `The connection "${name}" has no network at the moment`,
      remedies: [{ label: 'Try again when it is on', command: 'telepresence status' }],
    });
  }
  return { connection: name, context, namespace, kubeconfig: request, ...(namespacePid === undefined ? {} : { namespacePid }) };
}

async function engagementOf(connections: Connections, place: TerminalPlace | undefined, name: string | undefined) {
  if (place === undefined || name === undefined) return undefined;
  const { environment } = await connections.thread(place.connection).call('readEnvironment', { name });
  return { name, environment };
}
