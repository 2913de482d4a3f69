import { openDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';
import { toYaml } from '../output/output.ts';

/** Shows the configuration in effect: people get YAML, as the file has it. */
export const configView: Command<{ readonly clientOnly?: boolean }> = async (invocation, { clientOnly = false }) => {
  const { use } = invocation.globals;
  const input = { clientOnly, ...(use === undefined ? {} : { use }) };
  const view = await withApi(openDaemon(invocation), (api) => api.call('viewConfig', input, { signal: invocation.signal }));
  const value = { ...view.config, sources: view.sources, config_file: view.configFile, log_directory: view.logDirectory };
  const text = invocation.output.isStructured
    ? ''
    : await toYaml({ ...view.config, config_file: view.configFile, log_directory: view.logDirectory });
  invocation.output.result(value, () => text);
  return 0;
};
