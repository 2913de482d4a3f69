import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';
import { engagementDocument } from './engagement-text.ts';

/** Ends an intercept; a command that it was begun with is told to end. */
export const leave: Command<object> = (invocation, _options, [name = '']) =>
  withApi(requireDaemon(invocation), async (api) => {
    const { globals, output, progress } = invocation;
    const input = { name, ...(globals.use === undefined ? {} : { use: globals.use }) };
    const { engagement } = await api.call('leave', input, stageProgress(invocation));
    progress.clear();
    output.result(engagementDocument(engagement), () => `Left ${name}`);
    return 0;
  });
