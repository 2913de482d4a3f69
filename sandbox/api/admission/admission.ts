import { isRecord, type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { resources } from '../../store/resources.ts';
import { forbidden, notFound, StatusError } from '../../store/status-error.ts';
import type { Admission, Admit, ObjectStore } from '../../store/store.ts';
import { requireOwnRights } from '../authorization.ts';
import { requireWithinLimits, withLimitDefaults } from './limit-range.ts';
import { requirePodSecurity } from './pod-security.ts';
import { requireQuota } from './quota.ts';
import { callWebhooks, type WebhookCaller } from './webhooks.ts';

/** Where a container finds who it is to the API server. */
const tokenMount = '/var/run/secrets/kubernetes.io/serviceaccount';

/** What has a say before a write, in the order of Kubernetes: defaults, webhooks, then what may refuse. */
export function createAdmission(store: ObjectStore, caller: WebhookCaller): Admit {
  return async (admission) => {
    requireNamespace(store, admission);
    const isNewPod = admission.operation === 'CREATE' && admission.resource === resources.pods;
    let object = admission.object;
    if (isNewPod) object = withLimitDefaults(store, withServiceAccount(store, object));
    object = await callWebhooks(store, caller, { ...admission, object });
    if (isNewPod) {
      requirePodSecurity(store, object);
      requireWithinLimits(store, object);
    }
    if (admission.operation !== 'DELETE') requireOwnRights(store, admission.user, admission.resource, object);
    if (admission.operation === 'CREATE') requireQuota(store, admission.resource, object);
    return object;
  };
}

function requireNamespace(store: ObjectStore, { operation, resource, object }: Admission): void {
  const { namespace, name } = object.metadata;
  if (operation !== 'CREATE' || namespace === undefined) return;
  const found = store.get(resources.namespaces, undefined, namespace);
  if (found === undefined) throw notFound(resources.namespaces, namespace);
  if (found.metadata.deletionTimestamp === undefined) return;
  const refusal = forbidden(
    resource,
    name,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  const causes = [
    { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
  ];
  throw new StatusError(403, 'Forbidden', refusal.message, { ...refusal.status.details, causes });
}

/** A pod gets the token of its service account, and the secrets that the account has for pulling images. */
function withServiceAccount(store: ObjectStore, pod: KubeObject): KubeObject {
  const { namespace, name } = pod.metadata;
  const spec = isRecord(pod.spec) ? pod.spec : {};
  const accountName = textAt(spec, 'serviceAccountName') || 'default';
  const account = store.get(resources.serviceAccounts, namespace, accountName);
  if (account === undefined) {
    const why = `error looking up service account ${namespace ?? ''}/${accountName}: serviceaccount ${JSON.stringify(accountName)} not found`;
    throw forbidden(resources.pods, name, why);
  }
  const secrets =
    listAt(spec, 'imagePullSecrets').length > 0 ? listAt(spec, 'imagePullSecrets') : listAt(account, 'imagePullSecrets');
  const withSecrets = {
    ...spec,
    serviceAccountName: accountName,
    serviceAccount: accountName,
    ...(secrets.length === 0 ? {} : { imagePullSecrets: secrets }),
  };
  const isWanted = spec['automountServiceAccountToken'] ?? account['automountServiceAccountToken'] ?? true;
  return { ...pod, spec: isWanted === true ? withToken(withSecrets) : withSecrets };
}

function withToken(spec: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const volume = `kube-api-access-${Math.random().toString(36).slice(2, 7).padEnd(5, 'x')}`;
  const lists = ['containers', 'initContainers'].map((list) => {
    const containers = listAt(spec, list);
    const mounted = containers.map((container) => {
      const mounts = listAt(container, 'volumeMounts');
      if (mounts.some(({ mountPath }) => mountPath === tokenMount)) return container;
      return { ...container, volumeMounts: [...mounts, { name: volume, mountPath: tokenMount, readOnly: true }] };
    });
    return { list, mounted, isChanged: mounted.some((container, index) => container !== containers[index]) };
  });
  if (!lists.some(({ isChanged }) => isChanged)) return spec;
  const sources = [
    { serviceAccountToken: { expirationSeconds: 3607, path: 'token' } },
    { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
    { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
  ];
  return {
    ...spec,
    ...Object.fromEntries(lists.filter(({ mounted }) => mounted.length > 0).map(({ list, mounted }) => [list, mounted])),
    volumes: [...listAt(spec, 'volumes'), { name: volume, projected: { defaultMode: 0o644, sources } }],
  };
}
