import type { Handlers } from '#net/rpc/handlers.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import type { Connections } from '../connection/connections.ts';
import type { GatherOptions } from './gather-logs.ts';
import type { LaptopLogs } from './local-logs.ts';

type LogCalls = 'listLogSources' | 'tailLog' | 'previewLogs' | 'gatherLogs';

/** The calls of the local API that are about logs. What serves them is loaded by the first of them. */
export function createLogHandlers(daemon: DaemonContext, connections: Connections): Pick<Handlers, LogCalls> {
  const laptop: LaptopLogs = { paths: daemon.paths, env: daemon.env };
  const logger = daemon.logger.child('logs');
  const engagements = () => Object.values(daemon.state.state.engagements);
  const gathering = <Output>(
    title: string,
    emit: (event: { readonly stage: string }) => void,
    signal: AbortSignal,
    gather: (options: GatherOptions) => Promise<Output>,
  ): Promise<Output> =>
    daemon.tasks.run({ title, signal }, async (task) => {
      const stage = (text: string) => {
        task.stage(text);
        emit({ stage: text });
      };
      const connectionNames = Object.keys(daemon.state.state.connections);
      return await gather({ laptop, connections, connectionNames, stage, signal: task.signal });
    });
  return {
    async listLogSources(input, { signal }) {
      const { listLogSources } = await import('./log-sources.ts');
      return { sources: await listLogSources(laptop, connections, engagements(), input, signal, logger) };
    },
    async tailLog(input, { emit, signal }) {
      const { tailLog } = await import('./tail-log.ts');
      await tailLog(input, { laptop, connections, engagements, emit, signal, logger });
      return {};
    },
    async previewLogs(input, { emit, signal }) {
      const { previewLogs } = await import('./gather-logs.ts');
      return await gathering('Read logs for a preview', emit, signal, (options) => previewLogs(input, options));
    },
    async gatherLogs(input, { emit, signal }) {
      const { gatherLogs } = await import('./gather-logs.ts');
      return await gathering('Gather logs', emit, signal, (options) => gatherLogs(input, options));
    },
  };
}
