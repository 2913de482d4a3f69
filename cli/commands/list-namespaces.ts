import { openDaemon, withApi } from '../daemon/open-daemon.ts';
import { type KubeFlagOptions, kubeInput } from '../flags/kube-flags.ts';
import type { Command } from '../invocation.ts';

/** Lists the namespaces of a cluster. */
export const listNamespaces: Command<KubeFlagOptions> = async (invocation, options) => {
  const input = kubeInput(options, invocation.io);
  const { namespaces } = await withApi(openDaemon(invocation), (api) =>
    api.call('listNamespaces', input, { signal: invocation.signal }),
  );
  invocation.output.result(namespaces, () => (namespaces.length === 0 ? 'No namespaces' : namespaces.join('\n')));
  return 0;
};
