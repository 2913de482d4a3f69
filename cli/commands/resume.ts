import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';
import { connectionWord } from './status-model.ts';

/** Gives a paused connection its interface, routes and DNS back. */
export const resume: Command<object> = (invocation) =>
  withApi(requireDaemon(invocation), async (api) => {
    const { globals, output, progress } = invocation;
    const input = globals.use === undefined ? {} : { use: globals.use };
    const { connection } = await api.call('resume', input, stageProgress(invocation));
    progress.clear();
    const { name } = connection;
    output.result({ name, state: connectionWord(connection.state) }, () => `Resumed ${name}`);
    return 0;
  });
