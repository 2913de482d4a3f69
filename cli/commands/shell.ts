import { readState } from '#net/rpc/state-mirror.ts';
import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';
import { chooseConnection } from './choose-connections.ts';
import { inConnection } from './in-connection.ts';
import { runChild } from './run-child.ts';

/** Runs a shell, or a command, inside the network of a connection. */
export const shell: Command<object> = async (invocation) => {
  const { io, trailing, globals } = invocation;
  const connection = await withApi(requireDaemon(invocation), async (api) => chooseConnection(await readState(api), globals.use));
  const command = trailing ?? [io.env['SHELL'] || '/bin/sh'];
  return await runChild(inConnection(connection, command, io), io, { env: { TELEPRESENCE_CONNECTION: connection.name } });
};
