import * as z from 'zod/mini';

/** Annotation of an injected pod with its {@link AgentConfig} as JSON; what the pod really runs can be read there. */
export const agentConfigAnnotation = 'telepresence.io/agent-config';

/** Names of the containers that are added to a pod. */
export const agentContainerName = 'traffic-agent';
export const agentInitContainerName = 'tel-agent-init';

/**
 * Environment variables of the agent's container and of the init container.
 *
 * | variable | form |
 * |---|---|
 * | `AGENT_CONFIG` | an {@link AgentConfig} as JSON, taken from the pod's annotation by the downward API |
 * | `_TEL_AGENT_NAME` | name of the pod |
 * | `_TEL_AGENT_POD_IP` | `status.podIP`; in the init container, too |
 * | `_TEL_AGENT_POD_UID` | `metadata.uid` |
 * | `_TEL_AGENT_NODE` | name of the node |
 * | `_TEL_APP_<A>_<NAME>` | a variable of the app container whose `envPrefix` is `_TEL_APP_<A>_` |
 */
export const agentVariables = {
  config: 'AGENT_CONFIG',
  podName: '_TEL_AGENT_NAME',
  podIp: '_TEL_AGENT_POD_IP',
  podUid: '_TEL_AGENT_POD_UID',
  nodeName: '_TEL_AGENT_NODE',
} as const;

/** What the environment of every app container is prefixed with; `A_`, `B_`… follows. */
export const appVariablePrefix = '_TEL_APP_';

/** Where the volumes of app containers are mounted in the agent: below `/tel_app_mounts/<container>`. */
export const appMountsDirectory = '/tel_app_mounts';

const portNumber = z.int().check(z.minimum(1), z.maximum(65_535));

const servicePort = z.object({
  name: z.string(),
  uid: z.string(),
  /** Empty where the Service has one port without a name. */
  portName: z.string(),
  port: portNumber,
  appProtocol: z.optional(z.string()),
});

const port = z.object({
  /** Port on which the app itself listens; the agent forwards there what it does not send to a laptop. */
  containerPort: portNumber,
  /** Port on which the agent listens, on all addresses. TCP and UDP of the same container port share the number. */
  agentPort: portNumber,
  protocol: z.enum(['TCP', 'UDP']),
  /** The container port's name as the workload declares it. */
  name: z.optional(z.string()),
  /** Ports of Services by which the cluster reaches this container port. Empty: it is reached by the pod's address only. */
  services: z.array(servicePort),
  /**
   * How callers get to the agent. `named`: Services name the port, and the agent has taken over the name; connections to the pod's
   * address and `containerPort` go to the app. `redirect`: the init container redirects `containerPort` to `agentPort`; what processes
   * of group `agentGroupId` send is exempt, so the agent reaches the app at `containerPort` of the pod's address or the loopback.
   */
  mode: z.enum(['named', 'redirect']),
  /**
   * Only in mode `redirect`, and for TCP. `direct`: connections are redirected while the agent says so, and are the app's otherwise. Absent:
   * they always are.
   */
  idlePath: z.optional(z.literal('direct')),
  /**
   * Only in mode `redirect`, and where the kubelet probes the port: the init container redirects this port to `containerPort`, past the
   * agent. The pod's probes ask here, so that an interception never makes a healthy app look dead. TCP.
   */
  probePort: z.optional(portNumber),
});

const container = z.object({
  name: z.string(),
  /** `/tel_app_mounts/<name>`: the mount path `/etc/shop` of the app is `/tel_app_mounts/<name>/etc/shop` in the agent. */
  mountPoint: z.string(),
  /** `_TEL_APP_A_` for the first container, `_TEL_APP_B_` for the second, … */
  envPrefix: z.string(),
  /** Paths as the app sees them. `Local`: the laptop gets an empty directory of its own. Ignored volumes are not listed. */
  mounts: z.array(z.object({ path: z.string(), policy: z.enum(['Remote', 'RemoteReadOnly', 'Local']) })),
  /** One entry per container port and protocol; may be empty. */
  ports: z.array(port),
});

/** What an agent has to know that it cannot see: written by the injector, read by agent and init container. */
export const agentConfig = z.object({
  workload: z.object({ kind: z.enum(['Deployment', 'StatefulSet', 'ReplicaSet']), name: z.string() }),
  namespace: z.string(),
  /** Name or address of the traffic-manager's Service, and the port of its gRPC API (plain HTTP/2). */
  managerHost: z.string(),
  managerPort: portNumber,
  managerNamespace: z.string(),
  /** Reference of the image the agent runs. */
  agentImage: z.string(),
  logLevel: z.string(),
  /** Port of the agent's own gRPC API. Free of the pod's declared ports. */
  apiPort: portNumber,
  /** Port of `/readyz` and `/healthz` over HTTP/1.1. Free of the pod's declared ports. */
  healthPort: portNumber,
  /** Group of the agent's process, and of nothing else in the pod: how the redirect tells its traffic from the app's. */
  agentGroupId: z.int().check(z.minimum(1)),
  containers: z.array(container),
});

export type AgentConfig = z.infer<typeof agentConfig>;
export type AgentContainer = AgentConfig['containers'][number];
export type AgentPort = AgentContainer['ports'][number];
export type AgentServicePort = AgentPort['services'][number];

/** A configuration as it is in the annotation or the variable; `undefined` for what is none (of another version, or damaged). */
export function parseAgentConfig(text: string): AgentConfig | undefined {
  try {
    const parsed = agentConfig.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
