import { describe, expect, it } from 'vitest';
import { type AgentConfig, agentConfigAnnotation, parseAgentConfig } from '#protocol/agent/agent-config.ts';
import { buildAgentConfig, isSatisfiedBy } from './build-agent-config.ts';
import { readInjectorSettings } from './injector-settings.ts';
import { injectedConfig, podPatch } from './pod-patch.ts';
import type { Container, PodObject, ServiceObject } from './pod-types.ts';
import { applyPatch } from './testing/apply-patch.ts';

const surroundings = {
  managerHost: 'traffic-manager.ambassador.svc',
  managerPort: 8081,
  managerNamespace: 'ambassador',
  agentImage: 'registry.example/tele:1',
};
const settings = readInjectorSettings({ AGENT_RESOURCES: '{"requests":{"cpu":"10m"}}', AGENT_PULL_SECRETS: 'pull' });

const token = { name: 'kube-api-access-x', mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true };

/** As the API server sends it: with the volume of the service account. */
function pod(app: Partial<Container>, more: { annotations?: Record<string, string>; spec?: object } = {}): PodObject {
  return {
    metadata: {
      generateName: 'shop-1-',
      labels: { app: 'shop' },
      ...(more.annotations === undefined ? {} : { annotations: more.annotations }),
    },
    spec: {
      containers: [{ name: 'app', image: 'shop', volumeMounts: [token], ...app }],
      volumes: [{ name: token.name, projected: {} }],
      serviceAccountName: 'default',
      ...more.spec,
    },
  };
}

function service(targetPort: number | string): ServiceObject {
  return {
    metadata: { name: 'shop', uid: 'u' },
    spec: { selector: { app: 'shop' }, clusterIP: '10.0.0.1', ports: [{ port: 80, targetPort }] },
  };
}

function configOf(given: PodObject, services: readonly ServiceObject[], env: Record<string, string> = {}): AgentConfig {
  const built = buildAgentConfig(
    { kind: 'Deployment', name: 'shop' },
    'ns',
    given,
    services,
    surroundings,
    readInjectorSettings(env),
  );
  if (built.kind === 'refused') throw new Error(built.reason);
  return built.config;
}

function inject(given: PodObject, services: readonly ServiceObject[]) {
  const patched = applyPatch(given, podPatch(given, configOf(given, services), settings));
  const [app, ...others] = patched.spec?.containers ?? [];
  const agent = others.find(({ name }) => name === 'traffic-agent');
  if (app === undefined || agent === undefined) throw new Error('no agent was put in');
  return { patched, app, agent, config: parseAgentConfig(patched.metadata?.annotations?.[agentConfigAnnotation] ?? '') };
}

describe('a pod whose Service names the target port', () => {
  const given = pod({
    ports: [{ name: 'http', containerPort: 8080 }],
    env: [{ name: 'DB', value: 'db' }],
    livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 3 },
    readinessProbe: { tcpSocket: { port: 8080 } },
    startupProbe: { httpGet: { path: '/', port: 'http', host: 'elsewhere' } },
    lifecycle: { preStop: { httpGet: { path: '/bye', port: 'http' } } },
  });
  const { patched, app, agent, config } = inject(given, [service('http')]);

  it('has the name on the agent, another on the app, and probes that still ask the app', () => {
    expect(app.ports).toEqual([{ name: 'tm-http', containerPort: 8080 }]);
    expect(agent.ports).toContainEqual({ name: 'http', containerPort: 9900, protocol: 'TCP' });
    expect(app.livenessProbe).toEqual({ httpGet: { path: '/', port: 'tm-http' }, periodSeconds: 3 });
    expect(app.readinessProbe).toEqual({ tcpSocket: { port: 8080 } });
    expect(app.startupProbe?.httpGet?.port).toBe('http');
    expect(app.lifecycle?.preStop?.httpGet?.port).toBe('tm-http');
  });

  it('has no privileged container, and an agent that the restricted Pod Security Standard admits', () => {
    expect(patched.spec?.initContainers).toBeUndefined();
    expect(agent.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      runAsUser: 1000,
      runAsGroup: 7439,
      seccompProfile: { type: 'RuntimeDefault' },
    });
  });

  it('gives the agent environment, volumes and configuration', () => {
    expect(agent.env).toContainEqual({ name: '_TEL_APP_A_DB', value: 'db' });
    expect(agent.env?.[0]).toEqual({
      name: 'AGENT_CONFIG',
      valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.annotations['telepresence.io/agent-config']" } },
    });
    expect(agent.volumeMounts).toEqual([
      { name: 'tel-agent-tmp', mountPath: '/tmp' },
      { ...token, mountPath: `/tel_app_mounts/app${token.mountPath}` },
    ]);
    expect(patched.spec?.volumes?.map(({ name }) => name)).toEqual([token.name, 'tel-agent-tmp']);
    expect(config?.containers).toEqual([
      {
        name: 'app',
        mountPoint: '/tel_app_mounts/app',
        envPrefix: '_TEL_APP_A_',
        mounts: [{ path: token.mountPath, policy: 'RemoteReadOnly' }],
        ports: [
          {
            containerPort: 8080,
            agentPort: 9900,
            protocol: 'TCP',
            name: 'http',
            services: [{ name: 'shop', uid: 'u', portName: '', port: 80 }],
            mode: 'named',
          },
        ],
      },
    ]);
    expect(patched.metadata?.labels).toEqual({
      app: 'shop',
      'telepresence.io/workloadEnabled': 'true',
      'telepresence.io/workloadKind': 'Deployment',
      'telepresence.io/workloadName': 'shop',
    });
    expect(agent['resources']).toEqual({ requests: { cpu: '10m' } });
    expect(patched.spec?.imagePullSecrets).toEqual([{ name: 'pull' }]);
  });

  it('is what was wanted, and left alone when it is seen again', () => {
    const wanted = configOf(given, [service('http')]);
    expect(isSatisfiedBy(wanted, injectedConfig(patched))).toBe(true);
    expect(isSatisfiedBy(configOf(given, [service(8080)]), injectedConfig(patched))).toBe(false);
    expect(isSatisfiedBy(wanted, injectedConfig(given))).toBe(false);
    expect(podPatch(patched, wanted, settings)).toEqual([]);
  });
});

describe('a pod whose Service has a numeric target port', () => {
  const given = pod(
    {
      ports: [{ name: 'http', containerPort: 8080 }],
      readinessProbe: { httpGet: { path: '/', port: 'http' } },
      livenessProbe: { httpGet: { path: '/', port: 9999 } },
    },
    { spec: { initContainers: [{ name: 'migrate' }], securityContext: { runAsUser: 500, runAsNonRoot: true } } },
  );
  const { patched, app, agent, config } = inject(given, [service(8080)]);

  it('keeps its names, and asks the app past the agent', () => {
    expect(app.ports).toEqual([{ name: 'http', containerPort: 8080 }]);
    expect(agent.ports?.[0]).toEqual({ containerPort: 9900, protocol: 'TCP' });
    expect(config?.containers[0]?.ports[0]).toMatchObject({ mode: 'redirect', probePort: 9940 });
    expect(app.readinessProbe?.httpGet?.port).toBe(9940);
    expect(app.livenessProbe?.httpGet?.port).toBe(9999);
  });

  it('has an init container with one capability, after its own', () => {
    const inits = patched.spec?.initContainers ?? [];
    expect(inits.map(({ name }) => name)).toEqual(['migrate', 'tel-agent-init']);
    expect(inits[1]?.['command']).toEqual(['/usr/bin/node', '/app/agent.js', 'init']);
    expect(inits[1]?.securityContext).toMatchObject({ capabilities: { drop: ['ALL'], add: ['NET_ADMIN'] }, runAsUser: 0 });
  });

  it('starts fast where it ends at once, and takes less memory where it stays', () => {
    expect(agent['command']).toEqual(['/usr/bin/node', '/app/agent.js']);
  });

  it('has an agent with the user of the app', () => {
    expect(agent.securityContext).toMatchObject({ runAsUser: 500, runAsGroup: 7439 });
  });

  it('cannot be intercepted without init containers', () => {
    expect(() => configOf(given, [service(8080)], { AGENT_INIT_CONTAINER: 'false' })).toThrow(/8080 is reached by its number/);
  });
});

describe('a pod whose idle agent is passed by', () => {
  const given = pod(
    {
      ports: [
        { name: 'http', containerPort: 8080 },
        { name: 'dns', containerPort: 5353, protocol: 'UDP' },
      ],
      livenessProbe: { httpGet: { path: '/', port: 'http' } },
    },
    { annotations: { 'telepresence.io/idle-path': 'direct' } },
  );
  const named: ServiceObject = {
    metadata: { name: 'shop', uid: 'u' },
    spec: {
      selector: { app: 'shop' },
      clusterIP: '10.0.0.1',
      ports: [
        { name: 'http', port: 80, targetPort: 'http' },
        { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP' },
      ],
    },
  };
  const { patched, app, agent, config } = inject(given, [named]);

  it('has its TCP ports redirected, also where a Service names them, and those of UDP as ever', () => {
    expect(config?.containers[0]?.ports).toMatchObject([
      { containerPort: 8080, mode: 'redirect', idlePath: 'direct', probePort: 9940 },
      { containerPort: 5353, mode: 'named' },
    ]);
    expect(config?.containers[0]?.ports[1]).not.toHaveProperty('idlePath');
    expect(app.ports?.map(({ name }) => name)).toEqual(['http', 'tm-dns']);
    expect(agent.ports?.slice(0, 2).map(({ name }) => name)).toEqual([undefined, 'dns']);
    expect(app.livenessProbe?.httpGet?.port).toBe(9940);
    expect(patched.spec?.initContainers?.map(({ name }) => name)).toEqual(['tel-agent-init']);
  });

  it('is so by the installer, and by the annotation against the installer', () => {
    const plain = pod({ ports: [{ name: 'http', containerPort: 8080 }] });
    const relayed = pod(
      { ports: [{ name: 'http', containerPort: 8080 }] },
      { annotations: { 'telepresence.io/idle-path': 'relay' } },
    );
    const direct = { AGENT_IDLE_PATH: 'direct' };
    const [byValue, byAnnotation] = [plain, relayed].map((one) => configOf(one, [service('http')], direct));
    expect(byValue?.containers[0]?.ports[0]).toMatchObject({ mode: 'redirect', idlePath: 'direct' });
    expect(byAnnotation).toEqual(configOf(plain, [service('http')]));
    expect(isSatisfiedBy(configOf(plain, [service(8080)], direct), configOf(plain, [service(8080)]))).toBe(false);
  });

  it('is refused without init containers, and where the annotation says something else', () => {
    expect(() => configOf(given, [named], { AGENT_INIT_CONTAINER: 'false' })).toThrow(/init container/);
    const unclear = pod({}, { annotations: { 'telepresence.io/idle-path': 'shortest' } });
    expect(() => configOf(unclear, [])).toThrow(/idle-path/);
  });
});

describe('pods of other shapes', () => {
  it('have long names cut, and unlike each other', () => {
    const ports = [
      { name: 'a-very-long-nam', containerPort: 1000 },
      { name: 'a-very-long-na2', containerPort: 1001 },
      { name: 'tm-x', containerPort: 1002 },
      { name: 'x', containerPort: 1003 },
    ];
    const services = ports.map(({ name }) => service(name));
    const { app, agent } = inject(pod({ ports }), services);
    expect(app.ports?.map(({ name }) => name)).toEqual(['tm-a-very-long', 'tm-a-very-long1', 'tm-tm-x', 'tm-x1']);
    expect(agent.ports?.slice(0, 4).map(({ name }) => name)).toEqual(ports.map(({ name }) => name));
    for (const port of app.ports ?? []) expect(port.name).toMatch(/^(?=.{1,15}$)[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it('share the number of TCP and UDP, and avoid what containers use', () => {
    const given = pod({
      ports: [
        { name: 'tcp', containerPort: 53 },
        { name: 'udp', containerPort: 53, protocol: 'UDP' },
        { name: 'x', containerPort: 9901 },
        { name: 'y', containerPort: 9980 },
      ],
    });
    const config = configOf(given, []);
    expect(config.containers[0]?.ports.map(({ agentPort }) => agentPort)).toEqual([9900, 9900, 9902, 9903]);
    expect([config.apiPort, config.healthPort]).toEqual([9981, 9982]);
  });

  it('have every container in the agent, each with its letter and directory', () => {
    const given = pod(
      { env: [{ name: 'X', value: '1' }] },
      {
        spec: {
          containers: [
            { name: 'app', env: [{ name: 'X', value: '1' }], volumeMounts: [{ name: 'data', mountPath: '/data' }] },
            {
              name: 'side',
              env: [{ name: 'X', value: '2' }],
              volumeMounts: [{ name: 'data', mountPath: '/data', subPathExpr: '$(X)' }],
            },
          ],
        },
      },
    );
    const { patched, agent } = inject(given, []);
    expect(patched.spec?.containers).toHaveLength(3);
    expect(agent.env?.slice(-2)).toEqual([
      { name: '_TEL_APP_A_X', value: '1' },
      { name: '_TEL_APP_B_X', value: '2' },
    ]);
    expect(agent.volumeMounts?.slice(1)).toEqual([
      { name: 'data', mountPath: '/tel_app_mounts/app/data' },
      { name: 'data', mountPath: '/tel_app_mounts/side/data', subPathExpr: '$(_TEL_APP_B_X)' },
    ]);
  });

  it('keep to themselves what annotations say', () => {
    const volumeMounts = ['secret', 'cache', 'conf', 'tmp'].map((name) => ({
      name,
      mountPath: `/${name}`,
      mountPropagation: 'HostToContainer',
    }));
    const { agent, config } = inject(
      pod(
        { volumeMounts },
        {
          annotations: {
            'telepresence.getambassador.io/inject-ignore-volume-mounts': 'secret',
            'telepresence.io/mount-policies': '{"/cache":"Ignore","conf":"RemoteReadOnly","x":"Nonsense"}',
          },
        },
      ),
      [],
    );
    expect(agent.volumeMounts?.slice(1)).toEqual([{ name: 'conf', mountPath: '/tel_app_mounts/app/conf', readOnly: true }]);
    expect(config?.containers[0]?.mounts).toEqual([
      { path: '/conf', policy: 'RemoteReadOnly' },
      { path: '/tmp', policy: 'Local' },
    ]);
  });

  it('are refused on the network of their node, and where agents would listen', () => {
    expect(() => configOf(pod({}, { spec: { hostNetwork: true } }), [])).toThrow(/hostNetwork/);
    expect(() => configOf(pod({ ports: [{ containerPort: 9900 }] }), [])).toThrow(/agent.port/);
  });
});
