import { productVersion } from '#base/common/version.ts';
import { isHelperListening } from '#base/node/helper-launch.ts';
import type { Handlers } from '#net/rpc/handlers.ts';
import { stopSandbox } from '#net/sandbox/launch-sandbox.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import { type Connections, helperLaunch } from '../connection/connections.ts';
import { describeHelper } from './helper-description.ts';
import { type ClusterCalls, sandboxProgram, startSandbox } from './sandbox-program.ts';

type Calls = 'listVersions' | 'revoke' | 'powerEvent' | 'describeHelper' | 'startSandbox' | 'stopSandbox';

/** The calls about parts of the product and about the computer, beside the doctor. `clusterCalls` are those of this daemon. */
export function createDiagnoseHandlers(
  daemon: DaemonContext,
  connections: Connections,
  clusterCalls: () => ClusterCalls,
): Pick<Handlers, Calls> {
  const { paths, env, logger, state, tasks } = daemon;

  const versionsOf = async (name: string, signal: AbortSignal) => {
    const { connection } = connections.target(name);
    const { manager } = connection;
    // A traffic-manager out of reach is no reason to keep the other versions back.
    const asked = await connections
      .thread(name)
      .call('listAgents', {}, { signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]) })
      .catch((error: unknown) => {
        logger.debug('Agents were not listed', { connection: name, error });
        return { agents: [] };
      });
    return {
      name,
      ...(manager === undefined
        ? {}
        : { manager: { name: manager.name, version: manager.version }, agentImage: manager.agentImage }),
      agents: asked.agents.map((agent) => ({ ...agent })),
    };
  };

  return {
    listVersions: async ({ use }, { signal }) => {
      const names = use === undefined ? Object.keys(state.state.connections) : [connections.target(use).connection.name];
      const [isHelperRunning, ...found] = await Promise.all([
        isHelperListening(paths.helperSocket),
        ...names.map((name) => versionsOf(name, signal)),
      ]);
      signal.throwIfAborted();
      return { daemon: productVersion, ...(isHelperRunning ? { helper: productVersion } : {}), connections: found };
    },
    revoke: async ({ use, id }, { signal }) => {
      if (!/^[^:\s]+:\S+$/.test(id)) {
        throw new AppError({
          code: 'usage',
          message: `"${id}" is no id of an intercept`,
          reason: 'It is <session>:<name>, or <user>@<laptop>:<name>',
          remedies: [{ label: 'See who intercepts what', command: 'telepresence list' }],
        });
      }
      const { owner } = await connections.thread(use).call('revoke', { id }, { signal });
      logger.info('An intercept was revoked', { intercept: id, owner });
      return { id, owner };
    },
    powerEvent: async ({ kind }) => {
      logger.info('News of the system', { kind });
      // Nothing has to be done before a sleep: what is wanted is on disk, and streams end by themselves.
      if (kind !== 'suspend') connections.checkNow();
      return {};
    },
    describeHelper: async () => await describeHelper(helperLaunch(paths.helperInstance), paths.helperSocket),
    startSandbox: async (_input, { emit, signal }) =>
      await tasks.run({ title: 'Start the sandbox cluster', signal }, async (task) => {
        const onStage = (stage: string) => {
          task.stage(stage);
          emit({ stage });
        };
        return await startSandbox(sandboxProgram(), { paths, env, signal: task.signal, onStage }, clusterCalls());
      }),
    stopSandbox: async (_input, { emit, signal }) =>
      await tasks.run({ title: 'Stop the sandbox cluster', signal }, async (task) => {
        const onStage = (stage: string) => {
          task.stage(stage);
          emit({ stage });
        };
        await stopSandbox({ paths, onStage });
        return {};
      }),
  };
}
