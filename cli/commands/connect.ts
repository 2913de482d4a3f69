import { exactPattern } from '#base/common/exact-pattern.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { ConnectRequest } from '#protocol/local-api/model.ts';
import { openDaemon } from '../daemon/open-daemon.ts';
import { withHelper } from '../daemon/open-helper.ts';
import { type KubeFlagOptions, kubeInput } from '../flags/kube-flags.ts';
import type { CliIo, Command, Invocation } from '../invocation.ts';
import { inConnection } from './in-connection.ts';
import { runChild } from './run-child.ts';

export interface ConnectOptions extends KubeFlagOptions {
  readonly namespace?: string;
  readonly managerNamespace?: string;
  readonly mappedNamespaces?: string[];
  readonly name?: string;
  readonly alsoProxy?: string[];
  readonly neverProxy?: string[];
  readonly allowConflictingSubnets?: string[];
  readonly vnat?: string[];
  readonly rerouteRemote?: string[];
  readonly rerouteLocal?: string[];
  readonly rootless?: boolean;
}

/** Connects, and with a command after `--` disconnects again when that has ended, if the connection is this command's own. */
export const connect: Command<ConnectOptions> = async (invocation, options, args) => {
  const { output, io, trailing } = invocation;
  if (args.length > 0 || trailing?.length === 0) throw commandNeedsDashes(args);
  const request = connectRequest(options, io);
  const announce = (text: string) => {
    if (!output.isStructured) output.line(text);
  };
  const api = await openDaemon(invocation, announce);
  try {
    const work = async (signal: AbortSignal) => await callConnect(api, invocation, request, signal);
    const check = async () => await api.call('checkConnect', request, { signal: invocation.signal });
    const result = await (options.rootless === true
      ? work(invocation.signal)
      : withHelper(invocation, { check, work, announce }));
    report(invocation, result);
    if (trailing === undefined) return 0;
    try {
      return await runChild(inConnection(result.connection, trailing, io), io);
    } finally {
      if (!result.alreadyConnected) await api.call('disconnect', { use: exactPattern(result.connection.name) });
    }
  } finally {
    api.close();
  }
};

/** The request without absent members, which the daemon does not accept. */
export function connectRequest(options: ConnectOptions, io: CliIo): ConnectRequest {
  const managerNamespace = options.managerNamespace ?? (io.env['TELEPRESENCE_MANAGER_NAMESPACE'] || undefined);
  return {
    ...kubeInput(options, io),
    ...(options.name === undefined ? {} : { name: options.name }),
    ...(options.namespace === undefined ? {} : { namespace: options.namespace }),
    ...(managerNamespace === undefined ? {} : { managerNamespace }),
    ...(options.rootless === true ? { mode: 'rootless' as const } : {}),
    ...(options.mappedNamespaces === undefined ? {} : { mappedNamespaces: options.mappedNamespaces }),
    ...(options.alsoProxy === undefined ? {} : { alsoProxy: options.alsoProxy }),
    ...(options.neverProxy === undefined ? {} : { neverProxy: options.neverProxy }),
    ...(options.allowConflictingSubnets === undefined ? {} : { allowConflictingSubnets: options.allowConflictingSubnets }),
    ...(options.vnat === undefined ? {} : { vnat: options.vnat }),
    ...(options.rerouteRemote === undefined ? {} : { rerouteRemote: options.rerouteRemote }),
    ...(options.rerouteLocal === undefined ? {} : { rerouteLocal: options.rerouteLocal }),
  };
}

async function callConnect(
  api: ApiClient,
  { progress }: Invocation,
  request: ConnectRequest,
  signal: AbortSignal,
): Promise<CallOutput<'connect'>> {
  const onEvent = ({ stage, detail }: { stage: string; detail?: string | undefined }) => progress.stage(detail ?? stage);
  const result = await api.call('connect', request, { onEvent, signal });
  progress.clear();
  return result;
}

function report(invocation: Invocation, { connection, alreadyConnected, warnings }: CallOutput<'connect'>): void {
  const { output } = invocation;
  const value = {
    name: connection.name,
    status: 'Connected',
    already_connected: alreadyConnected,
    kubernetes_context: connection.context,
    kubernetes_server: connection.server,
    namespace: connection.namespace,
    manager_namespace: connection.managerNamespace,
    mapped_namespaces: connection.mappedNamespaces,
    stage_times_ms: connection.stageTimesMs,
    warnings,
  };
  if (!output.isStructured) for (const warning of warnings) output.note(`telepresence connect: warning: ${warning}`);
  // The command that follows has stdout for itself in the structured formats.
  if (invocation.trailing !== undefined && output.isStructured) return;
  output.result(
    value,
    () => `Connected to context ${connection.context}, namespace ${connection.namespace} (${connection.server})`,
  );
}

function commandNeedsDashes(args: readonly string[]): AppError {
  return new AppError({
    code: 'usage',
    message: args.length === 0 ? 'There is no command after --' : `Unexpected argument "${args[0] ?? ''}"`,
    remedies: [{ label: 'Put the command to run after --', command: 'telepresence connect -- command args' }],
  });
}
