import type { Handlers } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Engagement, InterceptRequest } from '#protocol/local-api/model.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import type { Connections } from '../connection/connections.ts';
import { checkHandlerRequest } from '../handlers/handler-process.ts';

/** The calls of the local API that are about engagements. */
export function createEngagementHandlers(
  daemon: DaemonContext,
  connections: Pick<Connections, 'thread'>,
): Pick<Handlers, 'intercept' | 'leave' | 'uninstallAgents'> {
  return {
    async intercept({ use, request }, { emit, signal }) {
      const thread = connections.thread(use);
      if (request.handler !== undefined) checkHandlerRequest(request.handler);
      checkElsewhere(request, Object.values(daemon.state.state.engagements));
      return await daemon.tasks.run({ title: `Intercept ${request.name}`, signal }, async (task) => {
        const onEvent = (event: { readonly stage: string }) => {
          task.stage(event.stage);
          emit(event);
        };
        return await thread.call('intercept', { request }, { signal: task.signal, onEvent });
      });
    },
    async leave({ use, name }, { emit }) {
      emit({ stage: `Leaving ${name}` });
      const owner = use ?? ownerOf(name, Object.values(daemon.state.state.engagements));
      return await connections.thread(owner).call('leave', { name });
    },
    async uninstallAgents({ use, workloads, all }, { emit, signal }) {
      if (all !== (workloads.length === 0)) {
        throw new AppError({ code: 'usage', message: 'Either workloads are named, or all are meant' });
      }
      const thread = connections.thread(use);
      const title = all ? 'Remove all agents' : `Remove agents of ${workloads.join(', ')}`;
      return await daemon.tasks.run({ title, signal }, async (task) => {
        const stage = 'Waiting for pods without agents';
        task.stage(stage);
        emit({ stage });
        return await thread.call('uninstallAgents', { workloads, all }, { signal: task.signal });
      });
    },
  };
}

/** A place on the laptop belongs to one engagement, of whatever connection. Its own connection checks again, with what it knows. */
function checkElsewhere({ name, ports, address }: InterceptRequest, engagements: readonly Engagement[]): void {
  const place = address ?? '127.0.0.1';
  for (const other of engagements) {
    if (other.laptopAddress !== place || other.state.kind === 'ended' || other.name === name) continue;
    for (const { laptopPort, identifier } of ports) {
      const protocol = identifier?.endsWith('/UDP') === true ? 'UDP' : 'TCP';
      if (!other.ports.some((port) => port.laptopPort === laptopPort && port.protocol === protocol)) continue;
      throw new AppError({
        code: 'engagement.laptop-port-in-use',
        message: `"${name}" cannot use ${place}:${laptopPort} of the laptop: the intercept "${other.name}" does`,
        context: { other: other.name },
        remedies: [
          { label: 'Choose another port', command: '--port' },
          { label: 'Or end the other intercept', command: `telepresence leave ${other.name}` },
        ],
      });
    }
  }
}

/** Without `--use`, the connection that has an engagement of the name, where that is one only. */
function ownerOf(name: string, engagements: readonly Engagement[]): string | undefined {
  const owners = engagements.filter((engagement) => engagement.name === name).map(({ connection }) => connection);
  return owners.length === 1 ? owners[0] : undefined;
}
