import { describe, expect, it } from 'vitest';
import { checkValues } from './check-values.ts';
import type { KubeObject } from './kube-object.ts';
import { chartObjects } from './objects.ts';

const release = { namespace: 'ambassador', version: '1.2.3' };

function render(values: unknown): readonly KubeObject[] {
  const checked = checkValues(values);
  if (checked.kind === 'invalid') throw new Error(JSON.stringify(checked.problems));
  return chartObjects(release, checked.values);
}

function problems(values: unknown): Readonly<Record<string, string>> {
  const checked = checkValues(values);
  return checked.kind === 'valid' ? {} : Object.fromEntries(checked.problems.map(({ path, message }) => [path, message]));
}

interface PodTemplate {
  readonly spec: {
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly securityContext: unknown;
        readonly terminationGracePeriodSeconds: number;
        readonly nodeSelector?: unknown;
        readonly containers: readonly {
          readonly image: string;
          readonly env: readonly { readonly name: string; readonly value?: string }[];
          readonly ports: readonly unknown[];
          readonly securityContext: unknown;
        }[];
      };
    };
  };
}

function podOf(objects: readonly KubeObject[]) {
  const deployment = objects.find(({ kind }) => kind === 'Deployment') as unknown as PodTemplate;
  const { spec } = deployment.spec.template;
  const [container] = spec.containers;
  if (container === undefined) throw new Error('the pod has no container');
  return { spec, container, env: Object.fromEntries(container.env.map(({ name, value }) => [name, value ?? '(from the pod)'])) };
}

const names = (objects: readonly KubeObject[]) =>
  objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? '-'}/${metadata.name}`);

describe('values', () => {
  it('have a default for everything', () => {
    expect(checkValues({}).kind).toBe('valid');
    expect(checkValues({ image: null, logLevel: null })).toEqual(checkValues({}));
  });

  it('that do not fit are named with what would', () => {
    expect(
      problems({ apiPort: 'many', logLevel: 'loud', grpc: { maxReceiveSize: 'big' }, namespaces: ['A_B'], replicaCount: 2 }),
    ).toEqual({
      apiPort: 'expected a number, found "many"',
      logLevel: 'expected one of error, warn, info, debug, trace, found "loud"',
      'grpc.maxReceiveSize': 'expected a size such as 4Mi, found "big"',
      'namespaces[0]': 'expected a name of lower-case letters, digits and dashes, found "A_B"',
      replicaCount: 'expected 1, found 2',
    });
  });

  it('that nobody knows are refused with the nearest name', () => {
    expect(problems({ apiport: 1, image: { tags: 'x' }, workloads: { deployments: { enable: true } }, noSuchValue: 1 })).toEqual({
      apiport: 'is not a value of this chart; did you mean apiPort?',
      'image.tags': 'is not a value of this chart; did you mean image.tag?',
      'workloads.deployments.enable': 'is not a value of this chart; did you mean workloads.deployments.enabled?',
      noSuchValue: 'is not a value of this chart',
    });
  });

  it('name variables that laptops do not get', () => {
    const { env } = podOf(render({ intercept: { environment: { excluded: ['TOKEN', 'KEY'] } } }));
    expect(env['INTERCEPT_ENVIRONMENT_EXCLUDED']).toBe('TOKEN KEY');
    expect(Object.keys(problems({ intercept: { environment: { excluded: ['A B'] } } }))).toEqual([
      'intercept.environment.excluded[0]',
    ]);
  });

  it('that contradict each other are refused', () => {
    expect(Object.keys(problems({ apiPort: 8082, clientRbac: { create: true }, podCIDRStrategy: 'environment' }))).toEqual([
      'apiPort',
      'clientRbac.subjects',
      'podCIDRs',
    ]);
    expect(Object.keys(problems({ namespaces: ['a'], namespaceSelector: { matchLabels: {} } }))).toEqual(['namespaceSelector']);
    expect(problems({ agent: { idlePath: 'direct', initContainer: { enabled: false } } })).toMatchObject({
      'agent.idlePath': expect.stringContaining('agent.initContainer.enabled is false') as string,
    });
    expect(Object.keys(problems({ prometheus: { port: 8081 } }))).toEqual(['prometheus.port']);
  });
});

describe('objects of the chart', () => {
  it('are the cluster-wide traffic-manager by default', () => {
    expect(names(render({}))).toEqual([
      'ServiceAccount ambassador/traffic-manager',
      'ClusterRole -/traffic-manager-ambassador',
      'ClusterRoleBinding -/traffic-manager-ambassador',
      'Role ambassador/traffic-manager',
      'RoleBinding ambassador/traffic-manager',
      'ConfigMap ambassador/traffic-manager',
      'Service ambassador/traffic-manager',
      'Secret ambassador/mutator-webhook-tls',
      'Service ambassador/agent-injector',
      'MutatingWebhookConfiguration -/agent-injector-webhook-ambassador',
      'Deployment ambassador/traffic-manager',
    ]);
  });

  it('ask for nothing outside of the listed namespaces', () => {
    const objects = render({ namespaces: ['ambassador', 'shop'] });
    expect(objects.every(({ metadata }) => metadata.namespace !== undefined)).toBe(true);
    expect(names(objects)).toContain('RoleBinding shop/traffic-manager-ambassador');
    expect(objects.find(({ kind }) => kind === 'ConfigMap')?.['data']).toMatchObject({
      'namespace-selector.yaml': expect.stringContaining('"shop"') as string,
    });
    expect(podOf(objects).env['MANAGED_NAMESPACES']).toBe('ambassador shop');
  });

  it('give no right to change anything but what an agent takes, and to try a Service in the own namespace', () => {
    const rules = render({}).flatMap(
      (object) => (object['rules'] as { verbs: string[]; resources: string[]; resourceNames?: string[] }[] | undefined) ?? [],
    );
    const changing = rules.filter(({ verbs }) => verbs.some((verb) => !['get', 'list', 'watch'].includes(verb)));
    expect(changing.map(({ resources, verbs }) => [resources, verbs])).toEqual([
      [['tokenreviews'], ['create']],
      [['subjectaccessreviews'], ['create']],
      [['mutatingwebhookconfigurations'], ['get', 'patch']],
      [['pods/eviction'], ['create']],
      [['deployments', 'statefulsets'], ['patch']],
      [['services'], ['create']],
      [['secrets'], ['get', 'update']],
    ]);
    const named = changing.filter(({ resourceNames }) => resourceNames !== undefined);
    expect(named.map(({ resourceNames }) => resourceNames)).toEqual([
      ['agent-injector-webhook-ambassador'],
      ['mutator-webhook-tls'],
    ]);
  });

  it('have no webhook and change nothing without the injector', () => {
    const objects = render({ agentInjector: { enabled: false } });
    expect(names(objects).some((name) => /Webhook|Secret|injector/.test(name))).toBe(false);
    expect(JSON.stringify(objects)).not.toMatch(/patch|eviction|secrets/);
    expect(podOf(objects).env['AGENT_INJECTOR']).toBe('false');
  });

  it('have a webhook for listed namespaces only where that is asked for', () => {
    const objects = render({ namespaces: ['ambassador', 'shop'], agentInjector: { enabled: true } });
    const webhook = objects.find(({ kind }) => kind === 'MutatingWebhookConfiguration');
    expect(webhook?.['webhooks']).toMatchObject([
      {
        failurePolicy: 'Ignore',
        clientConfig: { service: { name: 'agent-injector', namespace: 'ambassador', path: '/traffic-agent', port: 443 } },
        namespaceSelector: { matchExpressions: [{ operator: 'In', values: ['ambassador', 'shop'] }, { operator: 'NotIn' }] },
      },
    ]);
    const cluster = objects.find(({ kind }) => kind === 'ClusterRole');
    expect(cluster?.['rules']).toMatchObject([{ resources: ['mutatingwebhookconfigurations'] }]);
  });

  it('pass the restricted Pod Security Standard', () => {
    const { spec, container } = podOf(render({}));
    expect(spec.securityContext).toEqual({ seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 1000,
    });
  });

  it('carry every value to where it counts', () => {
    const objects = render({
      image: {
        registry: 'registry.example/team',
        name: 'tele',
        tag: 7,
        pullPolicy: 'Always',
        imagePullSecrets: [{ name: 'one' }, { name: 'two' }],
      },
      agentInjector: { injectPolicy: 'WhenEnabled' },
      agent: {
        port: 9950,
        logLevel: 'warn',
        initContainer: { enabled: false },
        resources: { requests: { memory: '64Mi' } },
        mountPolicies: { cache: 'Ignore' },
      },
      apiPort: 9000,
      logLevel: 'debug',
      podCIDRs: ['10.1.0.0/16', '10.2.0.0/16'],
      podCIDRStrategy: 'environment',
      grpc: { maxReceiveSize: '8Mi', connectionTTL: '1h' },
      timeouts: { agentArrival: '45s' },
      prometheus: { port: 9090 },
      workloads: { replicaSets: { enabled: false }, argoRollouts: { enabled: true } },
      namespaceSelector: { matchLabels: { team: 'blue' } },
      nodeSelector: { disk: 'ssd' },
      client: { dns: { excludes: ['x'] } },
    });
    const { container, spec, env } = podOf(objects);
    expect(container.image).toBe('registry.example/team/tele:7');
    expect(spec.nodeSelector).toEqual({ disk: 'ssd' });
    expect(env).toEqual({
      MANAGER_NAMESPACE: '(from the pod)',
      POD_NAME: '(from the pod)',
      POD_IP: '(from the pod)',
      SERVER_PORT: '9000',
      HEALTH_PORT: '8082',
      PROMETHEUS_PORT: '9090',
      LOG_LEVEL: 'debug',
      POD_CIDR_STRATEGY: 'environment',
      POD_CIDRS: '10.1.0.0/16 10.2.0.0/16',
      MANAGED_NAMESPACE_SELECTOR: '{"matchLabels":{"team":"blue"}}',
      WORKLOADS: 'deployments statefulSets argoRollouts',
      GRPC_MAX_RECEIVE_SIZE: '8Mi',
      CLIENT_CONNECTION_TTL: '1h',
      AGENT_ARRIVAL_TIMEOUT: '45s',
      AGENT_IMAGE: 'registry.example/team/tele:7',
      AGENT_INJECT_POLICY: 'WhenEnabled',
      AGENT_PORT: '9950',
      AGENT_LOG_LEVEL: 'warn',
      AGENT_PULL_POLICY: 'Always',
      AGENT_PULL_SECRETS: 'one two',
      AGENT_INIT_CONTAINER: 'false',
      AGENT_RESOURCES: '{"requests":{"memory":"64Mi"}}',
      AGENT_MOUNT_POLICIES: '{"cache":"Ignore"}',
    });
    expect(podOf(render({ agent: { idlePath: 'direct' } })).env['AGENT_IDLE_PATH']).toBe('direct');
    expect(names(objects)).toContain('Service ambassador/traffic-manager-metrics');
    const client = objects.find(({ kind }) => kind === 'ConfigMap')?.['data'] as Record<string, string>;
    expect(JSON.parse(client['client.yaml'] ?? '')).toEqual({ dns: { excludes: ['x'] } });
  });

  it('are rights only, for an administrator who prepares them', () => {
    const kinds = new Set(render({ rbac: { only: true } }).map(({ kind }) => kind));
    expect(kinds).toEqual(new Set(['ServiceAccount', 'ClusterRole', 'ClusterRoleBinding', 'Role', 'RoleBinding']));
    expect(names(render({ managerRbac: { create: false } }))[0]).toBe('ConfigMap ambassador/traffic-manager');
  });

  it('let the named people connect', () => {
    const subjects = [{ kind: 'Group', name: 'developers' }];
    const bindings = render({ clientRbac: { create: true, subjects, namespaces: ['shop'] } }).filter(
      ({ kind }) => kind === 'RoleBinding',
    );
    expect(names(bindings)).toEqual([
      'RoleBinding ambassador/traffic-manager',
      'RoleBinding ambassador/traffic-manager-connect',
      'RoleBinding shop/traffic-manager-client-ambassador',
    ]);
    expect(bindings[1]?.['subjects']).toEqual([{ kind: 'Group', name: 'developers', apiGroup: 'rbac.authorization.k8s.io' }]);
  });
});
