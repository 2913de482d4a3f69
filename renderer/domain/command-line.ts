import { quotedForShell } from '#base/common/shell-quote.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { Connection, ConnectRequest } from '#protocol/local-api/model.ts';
import { exactly } from './connection-view.ts';

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

/** What names a connection on the command line: nothing where there is no other. */
export function commandUse(connection: Pick<Connection, 'name'> | undefined, connectionCount: number): string | undefined {
  return connectionCount < 2 || connection === undefined ? undefined : exactly(connection);
}

/** `use` of these: names the connection where there are several. */
export function leaveCommand(name: string, use: string | undefined): string {
  return shellLine([...inConnection(use), 'leave', name]);
}

/** `flags` narrow what is shown. */
export function trafficCommand(engagement: string | undefined, use: string | undefined, flags: readonly string[] = []): string {
  return shellLine([...inConnection(use), 'traffic', ...(engagement === undefined ? [] : [engagement]), ...flags]);
}

export function pauseCommand(minutes: number, use: string | undefined): string {
  return shellLine([...inConnection(use), 'pause', '--for', minutes % 60 === 0 ? `${minutes / 60}h` : `${minutes}m`]);
}

export function resumeCommand(use: string | undefined): string {
  return shellLine([...inConnection(use), 'resume']);
}

export function disconnectCommand(use: string | undefined): string {
  return shellLine([...inConnection(use), 'quit']);
}

/** What can be done about a connection that is there, in the order of its buttons. */
export function connectionCommands({ state }: Pick<Connection, 'state'>, use: string | undefined): readonly string[] {
  const pauseOrResume = state.kind === 'paused' ? [resumeCommand(use)] : [pauseCommand(15, use), pauseCommand(60, use)];
  return [...pauseOrResume, disconnectCommand(use)];
}

/** A shell in the network of a connection. */
export function shellCommand(use: string | undefined): string {
  return shellLine([...inConnection(use), 'shell']);
}

/** `checks`: their ids; none: all. */
export function doctorCommand(use: string | undefined, checks: readonly string[] = []): string {
  return shellLine([...inConnection(use), 'doctor', ...checks]);
}

export function gatherLogsCommand(request: CallInput<'gatherLogs'>): string {
  const { daemons, trafficAgents } = request;
  const daemonNames = daemons.length === 2 ? [] : ['--daemons', daemons[0] ?? 'none'];
  return shellLine([
    ...inConnection(request.use),
    'gather-logs',
    ...option('--output-file', request.outputFile),
    ...daemonNames,
    ...(request.trafficManager ? [] : ['--traffic-manager=false']),
    ...(trafficAgents === 'all' ? [] : ['--traffic-agents', trafficAgents]),
    ...(request.anonymize ? ['--anonymize'] : []),
    ...(request.podYaml ? ['--get-pod-yaml'] : []),
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

/**
 * A shell in a pod of a workload, as the words of a command. Without a known pod kubectl picks one, of the kinds that it knows itself.
 */
export function podShellCommand(
  { kind, name, namespace }: { readonly kind: string; readonly name: string; readonly namespace: string },
  pod: string | undefined,
  container: string | undefined,
): readonly string[] {
  return [
    'kubectl',
    'exec',
    '--stdin',
    '--tty',
    ...option('--namespace', namespace),
    ...option('--container', container),
    pod ?? `${kind.toLowerCase()}/${name}`,
    '--',
    'sh',
  ];
}

/** Words as one line that a POSIX shell takes apart again. */
export function shellLine(words: readonly string[]): string {
  return words.map(quotedForShell).join(' ');
}

function inConnection(use: string | undefined): readonly string[] {
  return ['telepresence', ...option('--use', use)];
}

function option(flag: string, value: string | undefined): readonly string[] {
  return value === undefined ? [] : [flag, value];
}

function list(flag: string, values: readonly string[] | undefined): readonly string[] {
  return values === undefined || values.length === 0 ? [] : [flag, values.join(',')];
}
