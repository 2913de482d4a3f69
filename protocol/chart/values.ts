import * as z from 'zod/mini';
import { parseGoDuration } from './go-duration.ts';
import {
  idlePaths,
  injectorPort,
  injectPolicies,
  managerHealthPort,
  managerLogLevels,
  podCidrStrategies,
} from './manager-environment.ts';
import { parseByteQuantity } from './quantity.ts';

/**
 * Where images come from unless a value says otherwise. `localhost` is a registry that no node can pull from: the image has to be on
 * the nodes already, as `scripts/image.ts` builds it. A published release sets its registry here, and nowhere else.
 */
export const defaultImageRegistry = 'localhost';

/** Repository of the one image that traffic-manager, traffic-agent and init container run. */
export const defaultImageName = 'telepresence-desktop';

const name = z
  .string()
  .check(z.regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'expected a name of lower-case letters, digits and dashes'));
const portNumber = z.int().check(z.minimum(1), z.maximum(65_535));
const cidr = z.string().check(z.regex(/^[0-9a-fA-F.:]+\/[0-9]{1,3}$/, 'expected a subnet such as 10.0.0.0/16'));
const duration = z
  .string()
  .check(z.refine((text) => parseGoDuration(text) !== undefined, 'expected a duration such as 30s or 1h30m'));
const size = z
  .union([z.string(), z.number()])
  .check(z.refine((value) => parseByteQuantity(String(value)) !== undefined, 'expected a size such as 4Mi'));
const texts = z.record(z.string(), z.string());
/** Handed to Kubernetes as it is, which checks it. */
const free = z.record(z.string(), z.unknown());
const freeList = z.array(free);
const enabled = (initial: boolean) => z.prefault(z.strictObject({ enabled: z._default(z.boolean(), initial) }), {});

const labelSelector = z.strictObject({
  matchLabels: z.optional(texts),
  matchExpressions: z.optional(
    z.array(
      z.strictObject({
        key: z.string(),
        operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']),
        values: z.optional(z.array(z.string())),
      }),
    ),
  ),
});

const subject = z.strictObject({
  kind: z.enum(['User', 'Group', 'ServiceAccount']),
  name: z.string().check(z.minLength(1)),
  namespace: z.optional(name),
  apiGroup: z.optional(z.string()),
});

/**
 * The values of the chart: what `telepresence helm install --set` takes. Names and defaults are those of the Telepresence chart, as far
 * as they have an effect here; a key that has none is refused rather than ignored.
 */
export const chartValues = z
  .strictObject({
    image: z.prefault(
      z.strictObject({
        registry: z._default(z.string(), defaultImageRegistry),
        name: z._default(z.string().check(z.minLength(1)), defaultImageName),
        /** Empty: the version of this product. */
        tag: z._default(z.union([z.string(), z.number()]), ''),
        pullPolicy: z._default(z.enum(['Always', 'IfNotPresent', 'Never']), 'IfNotPresent'),
        imagePullSecrets: z._default(z.array(z.strictObject({ name: z.string().check(z.minLength(1)) })), []),
      }),
      {},
    ),
    /** Sessions live in memory: there is one traffic-manager. */
    replicaCount: z._default(z.literal(1), 1),
    apiPort: z._default(portNumber, 8081),
    logLevel: z._default(z.enum(managerLogLevels), 'info'),
    resources: z._default(free, {}),
    securityContext: z._default(free, {}),
    podSecurityContext: z._default(free, {}),
    podAnnotations: z._default(texts, {}),
    podLabels: z._default(texts, {}),
    nodeSelector: z._default(texts, {}),
    tolerations: z._default(freeList, []),
    affinity: z._default(free, {}),
    priorityClassName: z._default(z.string(), ''),
    schedulerName: z._default(z.string(), ''),
    /** Managed namespaces by name; empty: all, or those of the selector. With names, no right outside of them is asked for. */
    namespaces: z._default(z.array(name), []),
    namespaceSelector: z.optional(labelSelector),
    managerRbac: z.prefault(z.strictObject({ create: z._default(z.boolean(), true) }), {}),
    clientRbac: z.prefault(
      z.strictObject({
        create: z._default(z.boolean(), false),
        subjects: z._default(z.array(subject), []),
        /** Empty: the managed namespaces. */
        namespaces: z._default(z.array(name), []),
      }),
      {},
    ),
    /** Render roles, bindings and the service account, and nothing else. */
    rbac: z.prefault(z.strictObject({ only: z._default(z.boolean(), false) }), {}),
    podCIDRs: z._default(z.array(cidr), []),
    podCIDRStrategy: z._default(z.enum(podCidrStrategies), 'auto'),
    grpc: z.prefault(z.strictObject({ maxReceiveSize: z._default(size, '4Mi'), connectionTTL: z._default(duration, '24h') }), {}),
    timeouts: z.prefault(z.strictObject({ agentArrival: z._default(duration, '30s') }), {}),
    workloads: z.prefault(
      z.strictObject({
        deployments: enabled(true),
        replicaSets: enabled(true),
        statefulSets: enabled(true),
        argoRollouts: enabled(false),
      }),
      {},
    ),
    agentInjector: z.prefault(
      z.strictObject({
        /**
         * Absent: true, unless `namespaces` is set. A webhook's configuration belongs to the whole cluster, and so takes rights there; it is
         * for those namespaces only even so.
         */
        enabled: z.optional(z.boolean()),
        injectPolicy: z._default(z.enum(injectPolicies), 'OnDemand'),
      }),
      {},
    ),
    agent: z.prefault(
      z.strictObject({
        port: z._default(z.int().check(z.minimum(1), z.maximum(65_000)), 9900),
        /**
         * `direct`: connections pass an idle agent by, at the price of a reset for connections that callers keep when an intercept begins. It
         * needs the init container in every pod with an agent. The annotation `telepresence.io/idle-path` of a pod template goes first.
         */
        idlePath: z._default(z.enum(idlePaths), 'relay'),
        /** Empty: that of the traffic-manager. */
        logLevel: z._default(z.enum(['', ...managerLogLevels]), ''),
        resources: z._default(free, {}),
        initResources: z._default(free, {}),
        securityContext: z._default(free, {}),
        initContainer: enabled(true),
        mountPolicies: z._default(z.record(z.string(), z.enum(['Ignore', 'Local', 'Remote', 'RemoteReadOnly'])), {
          '/tmp': 'Local',
        }),
      }),
      {},
    ),
    intercept: z.prefault(
      z.strictObject({
        environment: z.prefault(
          z.strictObject({
            /** Names of variables that laptops do not get. */
            excluded: z._default(z.array(z.string().check(z.regex(/^[^\s,=]+$/, 'expected the name of a variable'))), []),
          }),
          {},
        ),
      }),
      {},
    ),
    prometheus: z.prefault(z.strictObject({ port: z._default(z.int().check(z.minimum(0), z.maximum(65_535)), 0) }), {}),
    /** Settings for laptops that connect, with the keys of their `config.yml`. Laptops report what they cannot use. */
    client: z._default(free, {}),
  })
  .check(
    z.superRefine((values, context) => {
      const problem = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message });
      const ports = [values.apiPort, managerHealthPort, injectorPort];
      if (values.apiPort === managerHealthPort)
        problem(['apiPort'], `expected another port than ${managerHealthPort}, which the health checks use`);
      if (values.apiPort === injectorPort)
        problem(['apiPort'], `expected another port than ${injectorPort}, which the webhook uses`);
      if (ports.includes(values.prometheus.port))
        problem(['prometheus', 'port'], 'expected a port that is not in use by the API, the health checks or the webhook');
      if (values.namespaces.length > 0 && values.namespaceSelector !== undefined) {
        problem(['namespaceSelector'], 'expected either namespaces or a namespaceSelector, not both');
      }
      if (values.agent.idlePath === 'direct' && !values.agent.initContainer.enabled) {
        problem(['agent', 'idlePath'], 'expected relay, since agent.initContainer.enabled is false');
      }
      if (values.clientRbac.create && values.clientRbac.subjects.length === 0) {
        problem(['clientRbac', 'subjects'], 'expected at least one subject, since clientRbac.create is true');
      }
      if (values.podCIDRStrategy === 'environment' && values.podCIDRs.length === 0) {
        problem(['podCIDRs'], 'expected at least one subnet, since podCIDRStrategy is environment');
      }
    }),
  );

/** Complete values: every default is filled in. */
export type ChartValues = z.infer<typeof chartValues>;
