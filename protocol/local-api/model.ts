import * as z from 'zod/mini';
import { type ErrorCode, errorRegistry } from '#protocol/errors/registry.ts';
import { envSyntaxes } from './env-syntaxes.ts';

/** The domain model as it crosses the local API. Values are validated where they enter the daemon; clients trust their daemon. */

export const remedy = z.object({ label: z.string(), command: z.optional(z.string()), link: z.optional(z.string()) });

const errorCodes = Object.keys(errorRegistry) as [ErrorCode, ...ErrorCode[]];

export const errorData = z.object({
  code: z.enum(errorCodes),
  message: z.string(),
  reason: z.optional(z.string()),
  context: z.optional(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
  remedies: z.optional(z.array(remedy)),
});

/** Trouble that lasts. `dependsOn` names conditions that explain this one, so that only causes are shown. */
export const healthCondition = z.object({
  code: z.string(),
  severity: z.enum(['error', 'warning']),
  title: z.string(),
  message: z.string(),
  /** Name of the connection it belongs to; absent for the daemon itself. */
  connection: z.optional(z.string()),
  /** ISO 8601. */
  since: z.string(),
  dependsOn: z.array(z.string()),
  remedies: z.array(remedy),
});
export type HealthCondition = z.infer<typeof healthCondition>;

/** Long work. It ends as `done`, `failed` or `cancelled` and stays for a minute after. */
export const task = z.object({
  id: z.string(),
  /** What the person asked for: "Connect to staging". */
  title: z.string(),
  state: z.enum(['running', 'done', 'failed', 'cancelled']),
  /** The step under way: "Waiting for the traffic-manager". */
  stage: z.string(),
  startedAt: z.string(),
  endedAt: z.optional(z.string()),
  error: z.optional(errorData),
});
export type Task = z.infer<typeof task>;

/** What `kubectl` calls global flags; remembered with the connection. Names are the flags' without dashes, in camel case. */
export const kubeFlags = z.strictObject({
  kubeconfig: z.optional(z.string()),
  context: z.optional(z.string()),
  cluster: z.optional(z.string()),
  user: z.optional(z.string()),
  server: z.optional(z.string()),
  token: z.optional(z.string()),
  as: z.optional(z.string()),
  asGroup: z.optional(z.array(z.string())),
  asUid: z.optional(z.string()),
  /** `key=value`; a key may come several times. */
  asUserExtra: z.optional(z.array(z.string().check(z.regex(/^[^=]+=/)))),
  certificateAuthority: z.optional(z.string()),
  clientCertificate: z.optional(z.string()),
  clientKey: z.optional(z.string()),
  proxyUrl: z.optional(z.string()),
  tlsServerName: z.optional(z.string()),
  insecureSkipTlsVerify: z.optional(z.boolean()),
  requestTimeout: z.optional(z.string()),
  cacheDir: z.optional(z.string()),
  disableCompression: z.optional(z.boolean()),
});
export type KubeFlags = z.infer<typeof kubeFlags>;

/** Steps of a connection, in order. Each is timed. */
export const connectStages = ['kubeconfig', 'api', 'manager', 'session', 'subnets', 'interface', 'dns', 'verify'] as const;
export type ConnectStage = (typeof connectStages)[number];

/**
 * ```
 * off → connecting(stage) → on → degraded → on
 *                            ↓      ↓
 *                         reconnecting(attempt) → on | off
 * on | degraded | reconnecting ⇄ paused
 * ```
 */
export const connectionState = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('off'), error: z.optional(errorData) }),
  z.object({ kind: z.literal('connecting'), stage: z.enum(connectStages) }),
  z.object({ kind: z.literal('on'), since: z.string() }),
  z.object({ kind: z.literal('degraded'), since: z.string(), reason: errorData }),
  z.object({ kind: z.literal('reconnecting'), since: z.string(), attempt: z.int(), reason: errorData }),
  /** On request, `until` then; the laptop's network is as without the product. */
  z.object({ kind: z.literal('paused'), since: z.string(), until: z.optional(z.string()) }),
]);
export type ConnectionState = z.infer<typeof connectionState>;

/** A question asked and answered once for `connect`: everything that its flags can say. */
export const connectRequest = z.strictObject({
  /** Empty: derived from context and namespace. */
  name: z.optional(z.string().check(z.regex(/^[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}$/))),
  kubeFlags: kubeFlags,
  /** Value of KUBECONFIG where the command ran. */
  kubeconfigEnv: z.optional(z.string()),
  namespace: z.optional(z.string()),
  managerNamespace: z.optional(z.string()),
  /** Default: `host`. */
  mode: z.optional(z.enum(['host', 'rootless'])),
  mappedNamespaces: z.optional(z.array(z.string())),
  alsoProxy: z.optional(z.array(z.string())),
  neverProxy: z.optional(z.array(z.string())),
  allowConflictingSubnets: z.optional(z.array(z.string())),
  vnat: z.optional(z.array(z.string())),
  rerouteRemote: z.optional(z.array(z.string())),
  rerouteLocal: z.optional(z.array(z.string())),
});
export type ConnectRequest = z.infer<typeof connectRequest>;

export const dnsStatus = z.object({
  /** Address that the laptop's resolver sends queries to. */
  address: z.string(),
  /** Hook into the laptop's resolver: see the helper API. */
  mode: z.string(),
  formerServers: z.array(z.string()),
  clusterDomain: z.string(),
  includeSuffixes: z.array(z.string()),
  excludeSuffixes: z.array(z.string()),
  excludes: z.array(z.string()),
  mappings: z.array(z.object({ name: z.string(), aliasFor: z.string() })),
  lookupTimeoutMs: z.number(),
  error: z.optional(z.string()),
});

export const routingStatus = z.object({
  interface: z.string(),
  addresses: z.array(z.string()),
  /** Routed into the cluster, after all exceptions. */
  subnets: z.array(z.string()),
  serviceSubnet: z.optional(z.string()),
  podSubnets: z.array(z.string()),
  alsoProxy: z.array(z.string()),
  neverProxy: z.array(z.string()),
  allowConflicting: z.array(z.string()),
  /** Subnets that are reached through virtual addresses, since the laptop has a route of its own to the real ones. */
  virtual: z.array(z.object({ subnet: z.string(), virtual: z.string() })),
});

export const connection = z.object({
  name: z.string(),
  /** `host`: the whole laptop is in the cluster. `rootless`: what runs in the namespaces of the connection. */
  mode: z.enum(['host', 'rootless']),
  /** A process in those namespaces, while the interface is there. */
  namespacePid: z.optional(z.int()),
  state: connectionState,
  context: z.string(),
  server: z.string(),
  namespace: z.string(),
  managerNamespace: z.string(),
  mappedNamespaces: z.array(z.string()),
  /** Milliseconds that each finished stage of the latest connect took. */
  stageTimesMs: z.record(z.string(), z.number()),
  sessionId: z.optional(z.string()),
  manager: z.optional(z.object({ name: z.string(), version: z.string(), agentImage: z.string(), namespace: z.string() })),
  dns: z.optional(dnsStatus),
  routing: z.optional(routingStatus),
  transport: z.optional(
    z.object({
      forwards: z.int(),
      streams: z.int(),
      /** Pods that are reached directly; their port-forwards and streams are counted too. */
      pods: z.optional(z.int()),
    }),
  ),
});
export type Connection = z.infer<typeof connection>;

const portNumber = z.int().check(z.minimum(1), z.maximum(65_535));
/** A name or number of a port of the cluster, optionally with `/TCP` or `/UDP`. */
const portIdentifier = z.string().check(z.regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?|\d{1,5})(\/(TCP|UDP))?$/));

/** How the daemon starts a handler. */
export const handlerRequest = z.strictObject({
  /** For the user's shell. */
  command: z.string().check(z.minLength(1)),
  /** Absolute. */
  directory: z.string(),
  /** In addition to that of the workload, and winning over it. */
  environment: z.record(z.string(), z.string()),
});

/** Everything that the flags of `intercept` can say. */
export const interceptRequest = z.strictObject({
  /** Of the engagement; that of the workload where `workload` is absent. */
  name: z.string().check(z.regex(/^[a-z0-9]([a-z0-9._-]{0,251}[a-z0-9])?$/)),
  workload: z.optional(z.string()),
  namespace: z.optional(z.string()),
  service: z.optional(z.string()),
  container: z.optional(z.string()),
  /** None: the only port of the workload, at the same number on the laptop. */
  ports: z.array(z.strictObject({ laptopPort: portNumber, identifier: z.optional(portIdentifier) })),
  /** Where the handler listens: an address or a name. Default: the loopback. */
  address: z.optional(z.string()),
  /** Ports of the pod that the laptop's own loopback leads to. */
  toPod: z.array(portNumber),
  /** Absolute paths; the files go when the engagement ends. */
  envFile: z.optional(z.strictObject({ path: z.string(), syntax: z.enum(envSyntaxes) })),
  envJson: z.optional(z.string()),
  /** A process for the daemon to run as the handler, with the environment of the workload. A command of the CLI's own is not this one. */
  handler: z.optional(handlerRequest),
  /** Whoever asks starts the handler once the intercept is there: until it has had time to listen, it is not missed. */
  handlerFollows: z.optional(z.literal(true)),
});
export type InterceptRequest = z.infer<typeof interceptRequest>;

/** Where one port of a workload leads on the laptop. */
export const engagementPort = z.object({
  laptopPort: portNumber,
  containerPort: portNumber,
  protocol: z.enum(['TCP', 'UDP']),
  /** As it was asked for, or the name or number that was found. */
  identifier: z.string(),
  /** Absent where the workload is reached without a Service. */
  service: z.optional(z.object({ name: z.string(), uid: z.string(), portName: z.string(), port: z.int() })),
});
export type EngagementPort = z.infer<typeof engagementPort>;

/**
 * ```
 * preparing(stage) → active ⇄ waiting(reason)   no agent, or no way to the cluster: made again as soon as there is
 *                       └──────→ ended(reason)  the cluster took it away; stays until it is left
 * ```
 */
export const engagementState = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('preparing'), stage: z.string() }),
  z.object({ kind: z.literal('active'), since: z.string() }),
  z.object({ kind: z.literal('waiting'), since: z.string(), reason: errorData }),
  z.object({ kind: z.literal('ended'), since: z.string(), reason: errorData }),
]);
export type EngagementState = z.infer<typeof engagementState>;

/** A handler that the daemon runs. */
export const handlerProcess = z.object({
  command: z.string(),
  directory: z.string(),
  restarts: z.int(),
  state: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('running'), since: z.string(), pid: z.int() }),
    /** `exitCode` 128 + n: ended by signal n. */
    z.object({ kind: z.literal('exited'), since: z.string(), exitCode: z.int() }),
  ]),
});
export type HandlerProcess = z.infer<typeof handlerProcess>;

/** A workload whose traffic comes to the laptop. */
export const engagement = z.object({
  name: z.string(),
  /** Name of the connection. */
  connection: z.string(),
  mode: z.literal('intercept'),
  workload: z.string(),
  /** Empty until the traffic-manager has found it. */
  workloadKind: z.string(),
  namespace: z.string(),
  container: z.optional(z.string()),
  /** `<session>:<name>`, absent while it is prepared. */
  id: z.optional(z.string()),
  /** `user@laptop`. */
  owner: z.string(),
  laptopAddress: z.string(),
  ports: z.array(engagementPort),
  podName: z.optional(z.string()),
  podIp: z.optional(z.string()),
  toPod: z.array(z.int()),
  state: engagementState,
  /** As seen by the latest connection, or by asking; `unknown` for UDP and before. */
  handler: z.enum(['unknown', 'listening', 'not-listening']),
  /** Where the daemon runs the handler itself. */
  process: z.optional(handlerProcess),
  /** Since the engagement began, or since the daemon did. `in` is what came from the cluster. */
  traffic: z.object({
    connections: z.int(),
    /** Those of them that came straight from a pod; the others came by way of the traffic-manager. */
    direct: z.optional(z.int()),
    open: z.int(),
    /** Connections that the handler did not take. */
    rejected: z.int(),
    inBytes: z.number(),
    outBytes: z.number(),
  }),
});
export type Engagement = z.infer<typeof engagement>;

export const terminal = z.object({
  id: z.string(),
  /** As its program says, or the name of the program. */
  title: z.string(),
  directory: z.string(),
  connection: z.optional(z.string()),
  engagement: z.optional(z.string()),
  createdAt: z.string(),
  /** Present when its program has ended. */
  exitCode: z.optional(z.int()),
});
export type Terminal = z.infer<typeof terminal>;

/** A connection that was asked for before: offered again. */
export const recentConnection = z.object({
  request: connectRequest,
  context: z.string(),
  namespace: z.string(),
  server: z.string(),
  lastUsed: z.string(),
  pinned: z.boolean(),
});
export type RecentConnection = z.infer<typeof recentConnection>;

export const preferences = z.strictObject({
  startAtLogin: z.boolean(),
  startHidden: z.boolean(),
  theme: z.enum(['system', 'light', 'dark', 'contrast']),
  defaultMode: z.enum(['host', 'rootless']),
  /** First run is over. */
  isWelcomed: z.boolean(),
  notifyConnection: z.boolean(),
  notifyEngagement: z.boolean(),
  notifyHandler: z.boolean(),
  checkForUpdates: z.boolean(),
});
export type Preferences = z.infer<typeof preferences>;

/** One thing that the doctor looked at. `not-applicable` says why in `reason`. */
export const doctorCheck = z.object({
  id: z.string(),
  title: z.string(),
  status: z.enum(['pass', 'warn', 'fail', 'not-applicable']),
  reason: z.string(),
  remedies: z.array(remedy),
});
export type DoctorCheck = z.infer<typeof doctorCheck>;

/** Parts of the product that not every laptop or daemon has; clients show what is here and nothing else. */
export const capabilities = ['terminal', 'rootless', 'sandbox', 'handler-command', 'kubectl', 'traffic'] as const;
export type Capability = (typeof capabilities)[number];

export const daemonInfo = z.object({
  version: z.string(),
  capabilities: z.array(z.enum(capabilities)),
  pid: z.int(),
  executable: z.string(),
  installId: z.string(),
  startedAt: z.string(),
});

/** Everything that a client mirrors. Collections are keyed by id, so that a delta replaces or removes one member. */
export const daemonState = z.object({
  daemon: daemonInfo,
  connections: z.record(z.string(), connection),
  /** Keyed `connection/name`. */
  engagements: z.record(z.string(), engagement),
  tasks: z.record(z.string(), task),
  health: z.record(z.string(), healthCondition),
  terminals: z.record(z.string(), terminal),
  recents: z.record(z.string(), recentConnection),
  /** One member, `preferences`. */
  preferences: z.record(z.string(), preferences),
});
export type DaemonState = z.infer<typeof daemonState>;

/** First event: the whole state. Later ones: one change each, with consecutive revisions. A gap means: subscribe again. */
export const stateEvent = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('snapshot'), revision: z.int(), state: daemonState }),
  z.object({
    kind: z.literal('delta'),
    revision: z.int(),
    collection: z.enum(['connections', 'engagements', 'tasks', 'health', 'terminals', 'recents', 'preferences']),
    id: z.string(),
    /** Absent: the member is gone. */
    value: z.optional(z.unknown()),
  }),
]);
export type StateEvent = z.infer<typeof stateEvent>;

export const workload = z.object({
  kind: z.enum(['Deployment', 'StatefulSet', 'ReplicaSet', 'Rollout']),
  name: z.string(),
  namespace: z.string(),
  state: z.enum(['unknown', 'available', 'progressing', 'failure']),
  agent: z.enum(['none', 'installed', 'intercepted']),
  /** Each laptop once. `since` (ISO 8601) is when its first intercept was created; a stock traffic-manager does not tell. */
  interceptedBy: z.array(z.object({ owner: z.string(), since: z.optional(z.string()) })),
});
export type Workload = z.infer<typeof workload>;

/** `Kind/name.namespace`. */
export function workloadKey(named: Pick<Workload, 'kind' | 'name' | 'namespace'>): string {
  return `${named.kind}/${named.name}.${named.namespace}`;
}

/** What the Kubernetes API says of a workload. */
export const workloadDetails = z.object({
  desired: z.int(),
  ready: z.int(),
  createdAt: z.string(),
  containers: z.array(
    z.object({
      name: z.string(),
      image: z.string(),
      ports: z.array(z.object({ name: z.optional(z.string()), port: z.int(), protocol: z.enum(['TCP', 'UDP', 'SCTP']) })),
    }),
  ),
  services: z.array(
    z.object({
      name: z.string(),
      clusterIp: z.optional(z.string()),
      ports: z.array(
        z.object({
          name: z.optional(z.string()),
          port: z.int(),
          /** A number, or the name of a port of a container. */
          targetPort: z.string(),
          protocol: z.enum(['TCP', 'UDP', 'SCTP']),
          appProtocol: z.optional(z.string()),
        }),
      ),
    }),
  ),
  pods: z.array(z.object({ name: z.string(), phase: z.string(), ready: z.boolean() })),
});
export type WorkloadDetails = z.infer<typeof workloadDetails>;

/** A workload whose agents were taken out. */
export const agentWorkload = z.object({ name: z.string(), namespace: z.string() });
export type AgentWorkload = z.infer<typeof agentWorkload>;
