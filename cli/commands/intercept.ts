import type { ApiClient } from '#net/rpc/client.ts';
import { mirrorState, readState } from '#net/rpc/state-mirror.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { Engagement } from '#protocol/local-api/model.ts';
import { findDaemon } from '../daemon/find-daemon.ts';
import { requireDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command, Invocation } from '../invocation.ts';
import { stageProgress } from '../progress/stage-progress.ts';
import { engagementDocument, engagementLines } from './engagement-text.ts';
import { inConnection } from './in-connection.ts';
import { type InterceptOptions, interceptRequest } from './intercept-request.ts';
import { runChild } from './run-child.ts';

/** Intercepts a workload, and with a command after `--` leaves it again when that has ended. */
export const intercept: Command<InterceptOptions> = async (invocation, options, [name = '']) => {
  const { globals, io, progress, trailing } = invocation;
  if (trailing?.length === 0) throw new AppError({ code: 'usage', message: 'There is no command after --' });
  const request = {
    ...interceptRequest(name, options, io),
    ...(trailing === undefined ? {} : { handlerFollows: true as const }),
  };
  const input = { request, ...(globals.use === undefined ? {} : { use: globals.use }) };
  return await withApi(requireDaemon(invocation), async (api) => {
    const result = await api.call('intercept', input, stageProgress(invocation));
    progress.clear();
    report(invocation, result, options);
    return trailing === undefined ? 0 : await runHandler(api, invocation, result, trailing, options);
  });
};

/** Runs the command with the environment of the container, until it ends or the intercept does. */
async function runHandler(
  api: ApiClient,
  invocation: Invocation,
  { engagement, environment }: CallOutput<'intercept'>,
  command: readonly string[],
  { waitMessage }: InterceptOptions,
): Promise<number> {
  const left = new AbortController();
  const ended = new AbortController();
  const missed = missingWarning(invocation);
  const follow = (current: Engagement | undefined) => {
    if (current === undefined || current.state.kind === 'ended') left.abort();
    else missed(current);
  };
  followEngagement(api, engagement, follow, ended.signal).catch(() => {
    // A daemon that went away comes back with the engagement, as far as this command is concerned.
  });
  try {
    const { connections } = await readState(api);
    const connection = connections[engagement.connection];
    const inside = connection === undefined ? command : inConnection(connection, command, invocation.io);
    return await runChild(inside, invocation.io, {
      env: environment,
      stop: left.signal,
      onStarted: () => (waitMessage === undefined ? undefined : invocation.output.line(waitMessage)),
    });
  } finally {
    ended.abort();
    if (!left.signal.aborted) await leaveQuietly(invocation, engagement);
  }
}

async function followEngagement(
  api: ApiClient,
  { connection, name }: Engagement,
  onState: (engagement: Engagement | undefined) => void,
  signal: AbortSignal,
): Promise<void> {
  await mirrorState(api, ({ engagements }) => onState(engagements[`${connection}/${name}`]), signal);
}

/** Says once that the command does not listen, which the daemon finds when it has had its time to start. */
function missingWarning({ output }: Invocation): (engagement: Engagement) => void {
  let isSaid = false;
  return (engagement) => {
    if (isSaid || engagement.handler !== 'not-listening') return;
    isSaid = true;
    output.note(`telepresence intercept: warning: ${missingHandler(engagement)}`);
  };
}

/** By a way of its own, since the daemon may be another one by now. */
async function leaveQuietly(invocation: Invocation, { connection, name }: Engagement): Promise<void> {
  const api = await findDaemon(invocation);
  if (api === undefined) return;
  try {
    await withApi(Promise.resolve(api), (found) => found.call('leave', { use: connection, name }));
  } catch (error) {
    const { code, message } = AppError.from(error);
    if (code === 'engagement.not-found' || code === 'connection.none') return;
    invocation.output.note(`telepresence intercept: warning: ${message}`);
  }
}

function report(
  invocation: Invocation,
  { engagement, environment, warnings }: CallOutput<'intercept'>,
  options: InterceptOptions,
): void {
  const { output, trailing } = invocation;
  const missing = engagement.handler === 'not-listening' ? [missingHandler(engagement)] : [];
  const all = [...warnings, ...missing];
  if (!output.isStructured) for (const warning of all) output.note(`telepresence intercept: warning: ${warning}`);
  // The command has stdout for itself in the structured formats.
  if (trailing !== undefined && output.isStructured) return;
  const details = options.detailedOutput === true ? { environment } : {};
  const { workloadKind, workload } = engagement;
  output.result({ ...engagementDocument(engagement, details), ...(all.length === 0 ? {} : { warnings: all }) }, () =>
    [`Using ${workloadKind} ${workload}`, ...engagementLines(engagement)].join('\n'),
  );
}

function missingHandler({ laptopAddress, ports }: Engagement): string {
  const places = ports.map(({ laptopPort }) => `${laptopAddress}:${laptopPort}`).join(', ');
  return `Nothing listens on ${places} yet: until a program does, callers see a closed connection`;
}
