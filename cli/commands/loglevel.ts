import type { CallInput } from '#protocol/local-api/local-api.ts';
import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import { parseDurationMs } from '../flags/values.ts';
import type { Command } from '../invocation.ts';

export interface LoglevelOptions {
  readonly duration: string;
  readonly localOnly?: boolean;
  readonly remoteOnly?: boolean;
}

/** Changes the level of the logs of daemon and helper, of the traffic-manager's and of its agents', for a while. */
export const loglevel: Command<LoglevelOptions> = async (invocation, options, [level = '']) => {
  const durationMs = parseDurationMs(options.duration);
  const scope = options.localOnly === true ? 'local' : options.remoteOnly === true ? 'remote' : 'all';
  const { use } = invocation.globals;
  // The parser accepts levels only.
  const input = { level, durationMs, scope, ...(use === undefined ? {} : { use }) } as CallInput<'setLogLevel'>;
  await withApi(requireDaemon(invocation), (api) => api.call('setLogLevel', input, { signal: invocation.signal }));
  const forHow = durationMs === 0 ? '' : ` for ${options.duration}`;
  invocation.output.result({ level, duration_ms: durationMs, scope }, () => `Log level set to ${level}${forHow}`);
  return 0;
};
