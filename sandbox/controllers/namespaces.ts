import { fieldAt, listAt } from '../store/objects.ts';
import { allResources, resources } from '../store/resources.ts';
import { keyOf, type ObjectStore } from '../store/store.ts';
import { ownKey, type Reconciler } from './reconciler.ts';

const rootCaName = 'kube-root-ca.crt';

/** Gives each namespace its service account and the cluster's certificate, and empties those that are to go. */
export function namespaceController(store: ObjectStore, caCertificate: string): Reconciler {
  const contents = allResources.filter(({ isNamespaced }) => isNamespaced);
  return {
    name: 'namespace-controller',
    watches: [
      { resource: resources.namespaces, keys: ownKey },
      ...contents.map((resource) => ({
        resource,
        // Most writes do not concern namespaces: only those that are being emptied, and the two objects that each has.
        keys: ({
          metadata,
          kind,
        }: {
          readonly metadata: { readonly namespace?: string; readonly name: string };
          readonly kind: string;
        }) => {
          const namespace = store.get(resources.namespaces, undefined, metadata.namespace ?? '');
          const isOwn =
            (kind === 'ServiceAccount' && metadata.name === 'default') || (kind === 'ConfigMap' && metadata.name === rootCaName);
          return isOwn || namespace?.metadata.deletionTimestamp !== undefined ? [keyOf('', metadata.namespace ?? '')] : [];
        },
      })),
    ],
    reconcile: (_, name) => {
      const namespace = store.get(resources.namespaces, undefined, name);
      if (namespace === undefined) return;
      if (namespace.metadata.deletionTimestamp === undefined) {
        fill(store, name, caCertificate);
        return;
      }
      let left = 0;
      for (const resource of contents) {
        for (const { metadata } of store.list(resource, { namespace: name })) {
          if (metadata.deletionTimestamp === undefined) store.remove(resource, name, metadata.name);
        }
        left += store.list(resource, { namespace: name }).length;
      }
      if (left > 0 || listAt(namespace, 'spec', 'finalizers').length === 0) return;
      store.patch(resources.namespaces, undefined, name, (current) => ({
        ...current,
        spec: { ...(current.spec as object), finalizers: [] },
      }));
    },
  };
}

function fill(store: ObjectStore, namespace: string, caCertificate: string): void {
  if (store.get(resources.serviceAccounts, namespace, 'default') === undefined) {
    store.create(resources.serviceAccounts, { metadata: { name: 'default', namespace } });
  }
  const data = { 'ca.crt': caCertificate };
  const former = store.get(resources.configMaps, namespace, rootCaName);
  if (former === undefined) store.create(resources.configMaps, { metadata: { name: rootCaName, namespace }, data });
  else if (fieldAt(former, 'data', 'ca.crt') !== caCertificate) {
    store.patch(resources.configMaps, namespace, rootCaName, (current) => ({ ...current, data }));
  }
}
