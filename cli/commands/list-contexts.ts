import { openDaemon, withApi } from '../daemon/open-daemon.ts';
import { type KubeFlagOptions, kubeInput } from '../flags/kube-flags.ts';
import type { Command } from '../invocation.ts';

/** Lists the contexts of the kubeconfig; the current one has a star. */
export const listContexts: Command<KubeFlagOptions> = async (invocation, options) => {
  const input = kubeInput(options, invocation.io);
  const { contexts } = await withApi(openDaemon(invocation), (api) =>
    api.call('listContexts', input, { signal: invocation.signal }),
  );
  invocation.output.result(contexts, () =>
    contexts.length === 0
      ? 'No contexts'
      : contexts.map(({ name, namespace, current }) => `${current ? '*' : ' '} ${name} (namespace ${namespace})`).join('\n'),
  );
  return 0;
};
