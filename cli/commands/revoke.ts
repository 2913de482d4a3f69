import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';

/** Ends an intercept of anybody's, for administrators: its laptop is told who did it. */
export const revoke: Command<object> = (invocation, _options, [id = '']) =>
  withApi(requireDaemon(invocation), async (api) => {
    const { globals, output, signal } = invocation;
    const input = { id, ...(globals.use === undefined ? {} : { use: globals.use }) };
    const { owner } = await api.call('revoke', input, { signal });
    output.result({ id, owner }, () => `Revoked ${id.slice(id.indexOf(':') + 1)} of ${owner}`);
    return 0;
  });
