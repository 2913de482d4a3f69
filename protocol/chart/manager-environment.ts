/** How the traffic-manager finds the pods' subnets: whatever works, what nodes say, what pods have, or only what `podCIDRs` names. */
export const podCidrStrategies = ['auto', 'nodePodCIDRs', 'coverPodIPs', 'environment'] as const;

export const managerLogLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const;

/** Kinds whose pods can be worked with. */
export const workloadKinds = ['deployments', 'replicaSets', 'statefulSets', 'argoRollouts'] as const;

/** Which pods get an agent: those that somebody asks one for, only those whose annotation says so, or none. */
export const injectPolicies = ['OnDemand', 'WhenEnabled', 'Never'] as const;

/**
 * Which way TCP connections take while nobody intercepts: through the agent, which relays them, or straight to the app, past an agent that the
 * kernel brings into the path when it is needed.
 */
export const idlePaths = ['relay', 'direct'] as const;

/** The Service by which the API server calls the webhook, the port and path of its HTTPS server, and the Secret with its certificate. */
export const injectorName = 'agent-injector';
export const injectorPort = 8443;
export const injectorPath = '/traffic-agent';
export const injectorSecretName = 'mutator-webhook-tls';

/** The MutatingWebhookConfiguration of the traffic-manager in a namespace; its one webhook has the second name. */
export function webhookConfigurationName(managerNamespace: string): string {
  return `agent-injector-webhook-${managerNamespace}`;
}
export const webhookName = 'agent-injector.telepresence.io';

/** A Kubernetes label selector. */
export interface LabelSelector {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
    readonly values?: readonly string[];
  }[];
}

/**
 * Port of `/healthz` (the process lives) and `/readyz` (it serves) over HTTP/1.1. Not a value: nobody but the kubelet asks there, and
 * the API's port speaks HTTP/2 only.
 */
export const managerHealthPort = 8082;

/** The Service, the Deployment, the ConfigMap and the release all have this name: clients look for it. */
export const managerName = 'traffic-manager';

/** Key of the ConfigMap `traffic-manager` with the settings that connecting laptops get, as YAML. */
export const clientConfigKey = 'client.yaml';

/** Key of the ConfigMap `traffic-manager` with the selector of the managed namespaces, as YAML. Absent: all of them. */
export const namespaceSelectorKey = 'namespace-selector.yaml';

/**
 * The environment variables by which the chart tells the traffic-manager its settings; all of them may be absent but the first three.
 *
 * | variable | form |
 * |---|---|
 * | `MANAGER_NAMESPACE`, `POD_NAME`, `POD_IP` | from the pod itself |
 * | `SERVER_PORT` | port of the gRPC API; 8081 |
 * | `HEALTH_PORT` | port of `/healthz` and `/readyz`; 8082 |
 * | `PROMETHEUS_PORT` | port of the metrics; 0 is none |
 * | `LOG_LEVEL` | error, warn, info, debug, trace |
 * | `POD_CIDR_STRATEGY` | auto, nodePodCIDRs, coverPodIPs, environment |
 * | `POD_CIDRS` | subnets, separated by blanks |
 * | `MANAGED_NAMESPACES` | names, separated by blanks; empty is all |
 * | `MANAGED_NAMESPACE_SELECTOR` | a label selector as JSON; empty is none |
 * | `WORKLOADS` | kinds, separated by blanks |
 * | `GRPC_MAX_RECEIVE_SIZE` | bytes as a quantity: `4Mi` |
 * | `CLIENT_CONNECTION_TTL` | how long a silent client's session is kept: `24h` |
 * | `AGENT_ARRIVAL_TIMEOUT` | `30s` |
 * | `AGENT_IMAGE` | reference of the image that agents run, which is the traffic-manager's own |
 * | `AGENT_INJECTOR` | `false`: there is no webhook |
 * | `AGENT_INJECT_POLICY` | OnDemand, WhenEnabled, Never |
 * | `AGENT_PORT` | the first port that agents listen on; 9900 |
 * | `AGENT_IDLE_PATH` | relay, direct: the way of TCP connections while nobody intercepts; relay |
 * | `AGENT_LOG_LEVEL` | default: that of the traffic-manager |
 * | `AGENT_PULL_POLICY`, `AGENT_PULL_SECRETS` | of the image; names separated by blanks |
 * | `AGENT_INIT_CONTAINER` | `false`: pods never get the init container |
 * | `AGENT_RESOURCES`, `AGENT_INIT_RESOURCES`, `AGENT_SECURITY_CONTEXT` | as JSON, handed to Kubernetes as they are |
 * | `AGENT_MOUNT_POLICIES` | by volume name or path, as JSON |
 * | `INTERCEPT_ENVIRONMENT_EXCLUDED` | names of variables that laptops do not get, separated by blanks |
 */
export const managerVariables = {
  managerNamespace: 'MANAGER_NAMESPACE',
  podName: 'POD_NAME',
  podIp: 'POD_IP',
  serverPort: 'SERVER_PORT',
  healthPort: 'HEALTH_PORT',
  prometheusPort: 'PROMETHEUS_PORT',
  logLevel: 'LOG_LEVEL',
  podCidrStrategy: 'POD_CIDR_STRATEGY',
  podCidrs: 'POD_CIDRS',
  managedNamespaces: 'MANAGED_NAMESPACES',
  managedNamespaceSelector: 'MANAGED_NAMESPACE_SELECTOR',
  workloads: 'WORKLOADS',
  grpcMaxReceiveSize: 'GRPC_MAX_RECEIVE_SIZE',
  clientConnectionTtl: 'CLIENT_CONNECTION_TTL',
  agentArrivalTimeout: 'AGENT_ARRIVAL_TIMEOUT',
  agentImage: 'AGENT_IMAGE',
  agentInjector: 'AGENT_INJECTOR',
  agentInjectPolicy: 'AGENT_INJECT_POLICY',
  agentPort: 'AGENT_PORT',
  agentIdlePath: 'AGENT_IDLE_PATH',
  agentLogLevel: 'AGENT_LOG_LEVEL',
  agentPullPolicy: 'AGENT_PULL_POLICY',
  agentPullSecrets: 'AGENT_PULL_SECRETS',
  agentInitContainer: 'AGENT_INIT_CONTAINER',
  agentResources: 'AGENT_RESOURCES',
  agentInitResources: 'AGENT_INIT_RESOURCES',
  agentSecurityContext: 'AGENT_SECURITY_CONTEXT',
  agentMountPolicies: 'AGENT_MOUNT_POLICIES',
  interceptEnvironmentExcluded: 'INTERCEPT_ENVIRONMENT_EXCLUDED',
} as const;
