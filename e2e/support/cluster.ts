import { randomBytes } from 'node:crypto';
import { KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { eventually } from './eventually.ts';
import { harnessCredentials, type KubeContext, readKubeContext } from './kubeconfig.ts';
import { type KubeList, type KubeObject, objectPath, type Pod, type Service, type ServiceRange } from './objects.ts';
import { settings } from './settings.ts';

/** The cluster of KUBECONFIG as its administrator sees it. */
export class Cluster {
  readonly context: KubeContext;
  readonly kube: KubeClient;

  constructor(context: KubeContext) {
    this.context = context;
    this.kube = new KubeClient(harnessCredentials(context));
  }

  static fromSettings(): Cluster {
    if (settings.kubeconfig === undefined) throw new Error('KUBECONFIG is not set');
    return new Cluster(readKubeContext(settings.kubeconfig));
  }

  get server(): { readonly host: string; readonly port: number } {
    const url = new URL(this.context.cluster.server);
    return { host: url.hostname, port: url.port === '' ? 443 : Number(url.port) };
  }

  close(): void {
    this.kube.close();
  }

  /** Server-side apply, in the order given. */
  async apply(objects: readonly KubeObject[]): Promise<void> {
    for (const object of objects) {
      const { name, namespace } = object.metadata;
      await this.kube.request({
        method: 'PATCH',
        path: objectPath(object.kind ?? '', name, namespace),
        query: { fieldManager: 'e2e', force: true },
        contentType: 'application/apply-patch+yaml',
        body: object,
      });
    }
  }

  /** Not there is as good as deleted. */
  async delete(kind: string, name: string, namespace?: string, gracePeriodSeconds?: number): Promise<void> {
    try {
      await this.kube.request({
        method: 'DELETE',
        path: objectPath(kind, name, namespace),
        query: { gracePeriodSeconds, propagationPolicy: 'Background' },
      });
    } catch (error) {
      if (!(error instanceof KubeStatusError && error.status === 404)) throw error;
    }
  }

  async find<T extends KubeObject = KubeObject>(kind: string, name: string, namespace?: string): Promise<T | undefined> {
    return await this.kube.find<T>(objectPath(kind, name, namespace));
  }

  /** A namespace with a random name, once pods can be made in it. */
  async createNamespace(prefix: string): Promise<string> {
    const name = `${prefix}-${randomBytes(3).toString('hex')}`;
    await this.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { 'e2e-suite': 'true' } } }]);
    await eventually(`the default service account of ${name}`, async () => {
      if ((await this.find('ServiceAccount', 'default', name)) === undefined) throw new Error('not there');
    });
    return name;
  }

  /** Pods end at once; the rest is left to the cluster unless `isAwaited`. */
  async deleteNamespace(name: string, isAwaited = false): Promise<void> {
    for (const pod of await this.pods(name)) await this.delete('Pod', pod.metadata.name, name, 0);
    await this.delete('Namespace', name);
    if (!isAwaited) return;
    await eventually(
      `namespace ${name} goes`,
      async () => {
        if ((await this.find('Namespace', name)) !== undefined) throw new Error('it is still there');
      },
      { timeoutMs: 90_000 },
    );
  }

  /** Removes what runs that were killed left behind: namespaces of the suite that are older than an hour. */
  async sweepNamespaces(): Promise<void> {
    const list = await this.kube.request<KubeList<KubeObject>>({
      method: 'GET',
      path: '/api/v1/namespaces',
      query: { labelSelector: 'e2e-suite' },
    });
    const limit = Date.now() - 3_600_000;
    for (const { metadata } of list.items) {
      if (Date.parse(metadata.creationTimestamp ?? '') < limit) await this.deleteNamespace(metadata.name);
    }
  }

  async pods(namespace: string, labelSelector?: string): Promise<readonly Pod[]> {
    const list = await this.kube.request<KubeList<Pod>>({
      method: 'GET',
      path: `/api/v1/namespaces/${namespace}/pods`,
      query: { labelSelector },
    });
    return list.items;
  }

  /** Ready pods of an `app` label. */
  async readyPods(namespace: string, app: string, count = 1): Promise<readonly Pod[]> {
    return await eventually(
      `${count} ready pods of ${app} in ${namespace}`,
      async () => {
        const pods = await this.pods(namespace, `app=${app}`);
        const ready = pods.filter(isReady);
        if (ready.length < count) throw new Error(`${ready.length} of ${pods.length} are ready`);
        return ready;
      },
      { timeoutMs: 90_000 },
    );
  }

  async clusterIp(namespace: string, service: string): Promise<string> {
    const address = (await this.find<Service>('Service', service, namespace))?.spec.clusterIP;
    if (address === undefined) throw new Error(`service ${namespace}/${service} has no address`);
    return address;
  }

  /** Whether Services can have IPv6 addresses. */
  async hasIpv6(): Promise<boolean> {
    const range = await this.find<ServiceRange>('ServiceCIDR', 'kubernetes');
    return range?.spec.cidrs.some((cidr) => cidr.includes(':')) === true;
  }
}

function isReady(pod: Pod): boolean {
  return (
    (pod.status.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True') &&
    pod.metadata.deletionTimestamp === undefined
  );
}
