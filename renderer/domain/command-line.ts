import { quotedForShell } from '#base/common/shell-quote.ts';
import type { ConnectRequest } from '#protocol/local-api/model.ts';

/** The command that does the same, ready for a POSIX shell. */
export function connectCommand(request: ConnectRequest): string {
  const { kubeFlags, name, namespace, managerNamespace, mode } = request;
  return shellLine([
    'telepresence',
    'connect',
    ...option('--name', name),
    ...option('--context', kubeFlags.context),
    ...option('--namespace', namespace),
    ...option('--manager-namespace', managerNamespace),
    ...(mode === 'rootless' ? ['--rootless'] : []),
    ...list('--mapped-namespaces', request.mappedNamespaces),
    ...list('--also-proxy', request.alsoProxy),
    ...list('--never-proxy', request.neverProxy),
    ...list('--allow-conflicting-subnets', request.allowConflictingSubnets),
    ...list('--vnat', request.vnat),
  ]);
}

export function installCommand(context: string | undefined, managerNamespace: string | undefined): string {
  return shellLine([
    'telepresence',
    'helm',
    'install',
    ...option('--context', context),
    ...option('--manager-namespace', managerNamespace),
  ]);
}

/** Words as one line that a POSIX shell takes apart again. */
export function shellLine(words: readonly string[]): string {
  return words.map(quotedForShell).join(' ');
}

function option(flag: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [flag, value];
}

function list(flag: string, values: readonly string[] | undefined): readonly string[] {
  return values === undefined || values.length === 0 ? [] : [flag, values.join(',')];
}
