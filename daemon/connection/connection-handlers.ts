import type { Handlers } from '#net/rpc/handlers.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import { createEngagementHandlers } from '../engagements/engagement-handlers.ts';
import type { Connections } from './connections.ts';
import { effectiveConfig } from './effective-config.ts';

type ConnectionCalls =
  | 'checkConnect'
  | 'connect'
  | 'disconnect'
  | 'pause'
  | 'resume'
  | 'listWorkloads'
  | 'watchWorkloads'
  | 'viewConfig'
  | 'intercept'
  | 'leave'
  | 'uninstallAgents';

/** The calls of the local API that are about connections. */
export function createConnectionHandlers(daemon: DaemonContext, connections: Connections): Pick<Handlers, ConnectionCalls> {
  connections.restore();
  daemon.onQuit(async (stage) => {
    stage('Ending connections');
    await connections.end();
  });
  daemon.onLogLevel(async ({ use, level, durationMs, scope }) => {
    if (scope !== 'remote') await connections.setLogLevel(level, durationMs);
    if (scope !== 'local') await connections.thread(use).call('setManagerLogLevel', { level, durationMs });
  });

  return {
    ...createEngagementHandlers(daemon, connections),
    async checkConnect(input, { signal }) {
      await connections.check(input, signal);
      return {};
    },
    async connect(input, { emit, signal }) {
      const title = `Connect to ${input.kubeFlags.context ?? 'the current context'}`;
      return await daemon.tasks.run({ title, signal }, async (task) => {
        const stage = (name: string) => {
          task.stage(stageTexts[name] ?? name);
          emit({ stage: name, detail: stageTexts[name] ?? name });
        };
        const result = await connections.connect(input, { stage }, task.signal);
        return { ...result, warnings: [] };
      });
    },
    async disconnect({ use }, { emit }) {
      emit({ stage: 'Ending connections' });
      return { disconnected: await connections.disconnect(use) };
    },
    async pause({ use, minutes }) {
      return { connection: await connections.pause(use, minutes) };
    },
    async resume({ use }, { emit, signal }) {
      return await daemon.tasks.run({ title: 'Resume the connection', signal }, async (task) => {
        const stage = (name: string) => {
          const text = stageTexts[name] ?? name;
          task.stage(text);
          emit({ stage: text });
        };
        return { connection: await connections.resume(use, { stage }, task.signal) };
      });
    },
    async listWorkloads({ use, namespace }, { signal }) {
      return await connections.thread(use).call('listWorkloads', { namespace }, { signal });
    },
    async watchWorkloads({ use, namespace }, { signal, emit }) {
      await connections.thread(use).call('watchWorkloads', { namespace }, { signal, onEvent: emit });
      return {};
    },
    async viewConfig({ use, clientOnly }) {
      const { configFile, logDirectory } = daemon.paths;
      const local = () => effectiveConfig({ configFile, logDirectory }, { extension: undefined, pushedYaml: undefined }).view();
      if (clientOnly) return local();
      if (connections.isEmpty) return local();
      return await connections.thread(use).call('viewConfig', {});
    },
  };
}

const stageTexts: Readonly<Record<string, string>> = {
  kubeconfig: 'Reading the kubeconfig',
  api: 'Reaching the API server',
  manager: 'Finding the traffic-manager',
  session: 'Opening a session',
  subnets: 'Learning the subnets of the cluster',
  interface: 'Making the network interface',
  dns: 'Setting up DNS',
  verify: 'Checking that names resolve',
};
