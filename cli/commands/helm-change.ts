import { productVersion } from '#base/common/version.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { openDaemon, withApi } from '../daemon/open-daemon.ts';
import { type KubeFlagOptions, kubeInput } from '../flags/kube-flags.ts';
import type { Command, Invocation } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';
import { readValues, type ValuesOptions } from './helm-values.ts';

interface TargetOptions extends KubeFlagOptions {
  readonly namespace?: string;
  readonly managerNamespace?: string;
  readonly dryRun?: boolean;
}

export interface ChangeOptions extends TargetOptions, ValuesOptions {
  readonly createNamespace: boolean;
  readonly resetValues?: boolean;
  readonly reuseValues?: boolean;
  readonly version?: string;
}

/** Puts the traffic-manager into the cluster. */
export const helmInstall: Command<ChangeOptions> = (invocation, options) => change(invocation, options, 'install');

/** Changes the values of the traffic-manager, or brings it to this version. */
export const helmUpgrade: Command<ChangeOptions> = (invocation, options) => change(invocation, options, 'upgrade');

/** Removes the traffic-manager and what it has put into workloads. */
export const helmUninstall: Command<TargetOptions & { readonly hooks: boolean }> = (invocation, options) =>
  withApi(openDaemon(invocation), async (api) => {
    const dryRun = options.dryRun ?? false;
    // Of a release of ours the one hook is what takes the agents out.
    const keepAgents = options.hooks ? {} : { keepAgents: true };
    const { removed, namespace } = await api.call(
      'uninstall',
      { ...targetOf(invocation, options), dryRun, ...keepAgents },
      stageProgress(invocation),
    );
    invocation.progress.clear();
    invocation.output.result({ removed, namespace, dry_run: dryRun }, () =>
      dryRun ? removed.join('\n') : `Traffic Manager uninstalled from namespace ${namespace}`,
    );
    return 0;
  });

async function change(invocation: Invocation, options: ChangeOptions, action: 'install' | 'upgrade'): Promise<number> {
  if (options.resetValues === true && options.reuseValues === true) {
    throw new AppError({ code: 'usage', message: '--reset-values and --reuse-values exclude each other' });
  }
  checkVersion(options.version);
  const values = await readValues(options, invocation.io);
  const base =
    options.resetValues === true
      ? ({ base: 'reset' } as const)
      : options.reuseValues === true
        ? ({ base: 'reuse' } as const)
        : {};
  const dryRun = options.dryRun ?? false;
  return await withApi(openDaemon(invocation), async (api) => {
    const { createNamespace } = options;
    const input = { ...targetOf(invocation, options), action, values, createNamespace, dryRun, ...base };
    const { version, revision, namespace, manifest } = await api.call('install', input, stageProgress(invocation));
    invocation.progress.clear();
    const done = action === 'install' ? 'installed' : 'upgraded';
    invocation.output.result({ version, revision, namespace, dry_run: dryRun, ...(dryRun ? { manifest } : {}) }, () =>
      dryRun ? manifest : `Traffic Manager ${version} ${done} in namespace ${namespace} (revision ${revision})`,
    );
    return 0;
  });
}

/** The command carries one chart, that of its own version. */
function checkVersion(wanted: string | undefined): void {
  if (wanted === undefined || wanted.replace(/^v/, '') === productVersion) return;
  throw new AppError({
    code: 'unsupported',
    message: `This command installs version ${productVersion} only, not ${wanted}`,
    reason: 'The chart is a part of the product, and no other is fetched',
    remedies: [{ label: `Use the telepresence command of version ${wanted}` }],
  });
}

function targetOf({ io }: Invocation, options: TargetOptions) {
  const managerNamespace =
    options.managerNamespace ?? options.namespace ?? (io.env['TELEPRESENCE_MANAGER_NAMESPACE'] || undefined);
  return { ...kubeInput(options, io), ...(managerNamespace === undefined ? {} : { managerNamespace }) };
}
