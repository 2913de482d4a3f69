import type { AgentContainer } from '#protocol/agent/agent-config.ts';

/**
 * The variables of an app container: those that the injector copied under the container's prefix, over those that Kubernetes gives every
 * container of the namespace. What belongs to the agent or to its image stays here.
 */
export function appEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  container: AgentContainer,
): Readonly<Record<string, string>> {
  const own: Record<string, string> = {};
  const app: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) continue;
    if (name.startsWith(container.envPrefix)) {
      const appName = name.slice(container.envPrefix.length);
      // A reference that Kubernetes could not resolve stands as it is, in the copy with the copy's name.
      if (appName !== '' && !notTransferred.has(appName)) app[appName] = value.replaceAll(`$(${container.envPrefix}`, '$(');
    } else if (serviceVariable.test(name)) {
      own[name] = value;
    }
  }
  return {
    ...own,
    ...app,
    TELEPRESENCE_CONTAINER: container.name,
    TELEPRESENCE_MOUNTS: container.mounts.map(({ path }) => path).join(':'),
  };
}

/** They describe the machine that a process runs on, and mean something else on the laptop. */
const notTransferred: ReadonlySet<string> = new Set(['HOME', 'PATH', 'HOSTNAME']);

/** Service discovery by environment, as the kubelet writes it: `SHOP_SERVICE_HOST`, `SHOP_PORT_80_TCP_ADDR`, … */
const serviceVariable =
  /^[A-Z0-9_]+(_SERVICE_HOST|_SERVICE_PORT(_[A-Z0-9_]+)?|_PORT|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
