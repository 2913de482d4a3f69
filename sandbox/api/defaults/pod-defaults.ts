import { isRecord, listAt, textAt } from '../../store/objects.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The specification of a pod, or of a template, with what Kubernetes fills in. */
export function withPodDefaults(spec: Fields): Fields {
  const account = spec['serviceAccountName'] ?? spec['serviceAccount'];
  const lists = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((name) =>
    Array.isArray(spec[name]) ? [[name, listAt(spec, name).map(withContainerDefaults)] as const] : [],
  );
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
    ...spec,
    ...(account === undefined ? {} : { serviceAccountName: account, serviceAccount: account }),
    ...(Array.isArray(spec['volumes']) ? { volumes: listAt(spec, 'volumes').map(withVolumeDefaults) } : {}),
    ...Object.fromEntries(lists),
  };
}

/** What only a pod gets, not a template. */
export function withScheduledPodDefaults(spec: Fields): Fields {
  return {
    enableServiceLinks: true,
    preemptionPolicy: 'PreemptLowerPriority',
    priority: 0,
    serviceAccountName: 'default',
    ...spec,
  };
}

/** `Guaranteed` where all limits are requests, `BestEffort` where there are none. */
export function qosClass(spec: unknown): string {
  const resources = [...listAt(spec, 'containers'), ...listAt(spec, 'initContainers')].map(
    (container) => (container['resources'] ?? {}) as { readonly limits?: Fields; readonly requests?: Fields },
  );
  if (resources.every(({ limits = {}, requests = {} }) => Object.keys({ ...limits, ...requests }).length === 0))
    return 'BestEffort';
  const isGuaranteed = resources.every(({ limits = {}, requests = {} }) =>
    ['cpu', 'memory'].every((name) => limits[name] !== undefined && (requests[name] ?? limits[name]) === limits[name]),
  );
  return isGuaranteed ? 'Guaranteed' : 'Burstable';
}

function withContainerDefaults(container: Fields): Fields {
  const image = textAt(container, 'image');
  const isLatest = image.endsWith(':latest') || !/:[^/]+$/.test(image);
  const { limits, requests } = (container['resources'] ?? {}) as { readonly limits?: Fields; readonly requests?: Fields };
  const resources =
    limits === undefined
      ? (container['resources'] ?? {})
      : { ...(container['resources'] as Fields), requests: { ...limits, ...requests } };
  const probes = ['livenessProbe', 'readinessProbe', 'startupProbe'].flatMap((name) =>
    isRecord(container[name]) ? [[name, withProbeDefaults(container[name])] as const] : [],
  );
  return {
    imagePullPolicy: isLatest ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    ...container,
    resources,
    ...(Array.isArray(container['ports'])
      ? { ports: listAt(container, 'ports').map((port) => ({ protocol: 'TCP', ...port })) }
      : {}),
    ...(Array.isArray(container['env']) ? { env: listAt(container, 'env').map(withFieldVersion) } : {}),
    ...Object.fromEntries(probes),
  };
}

function withFieldVersion(variable: Fields): Fields {
  const source = variable['valueFrom'];
  if (!isRecord(source) || !isRecord(source['fieldRef'])) return variable;
  return { ...variable, valueFrom: { ...source, fieldRef: { apiVersion: 'v1', ...source['fieldRef'] } } };
}

function withProbeDefaults(probe: Fields): Fields {
  const http = probe['httpGet'];
  return {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
    ...probe,
    ...(isRecord(http) ? { httpGet: { path: '/', scheme: 'HTTP', ...http } } : {}),
  };
}

function withVolumeDefaults(volume: Fields): Fields {
  const modes = ['configMap', 'secret', 'projected', 'downwardAPI'].flatMap((name) =>
    isRecord(volume[name]) ? [[name, { defaultMode: 0o644, ...volume[name] }] as const] : [],
  );
  return { ...volume, ...Object.fromEntries(modes) };
}
