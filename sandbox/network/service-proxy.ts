import type { Logger } from '#base/common/log.ts';
import type { Machine } from '../node/machine.ts';
import { fieldAt, type KubeObject, listAt, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { type ServiceEndpoint, type ServiceRoute, serviceRules } from './service-rules.ts';

const serviceLabel = 'kubernetes.io/service-name';

export interface ServiceProxy {
  /** Settled when the rules say what the store said at the time of the call. */
  settled(): Promise<void>;
  stop(): void;
}

/** Keeps the rules of service addresses as Services and EndpointSlices say. */
export function startServiceProxy(store: ObjectStore, machine: Machine, serviceCidr: string, log: Logger): ServiceProxy {
  let applied = '';
  let isStopped = false;
  let pending: Promise<void> | undefined;
  let last: Promise<void> = Promise.resolve();

  /** What changes at one moment is one change of the rules. */
  function schedule(): Promise<void> {
    pending ??= last.then(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      pending = undefined;
      if (!isStopped) await apply();
    });
    last = pending;
    return pending;
  }

  async function apply(): Promise<void> {
    const rules = serviceRules(serviceRoutes(store), serviceCidr);
    if (rules === applied) return;
    try {
      await machine.run(`nft -f - <<'END'\n${rules}END\n`);
      applied = rules;
    } catch (error) {
      if (!isStopped) log.error('Service addresses could not be set up', { error });
    }
  }

  const ends = [resources.services, resources.endpointSlices].map((resource) =>
    store.watch(resource, { hasInitialEvents: true }, () => void schedule()),
  );
  return {
    settled: schedule,
    stop: () => {
      isStopped = true;
      for (const end of ends) end();
    },
  };
}

/** The routes of all Services that have an address. */
function serviceRoutes(store: ObjectStore): readonly ServiceRoute[] {
  const slices = new Map<string, KubeObject[]>();
  for (const slice of store.list(resources.endpointSlices)) {
    const key = `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceLabel] ?? ''}`;
    slices.set(key, [...(slices.get(key) ?? []), slice]);
  }
  return store.list(resources.services).flatMap((service) => {
    const clusterIp = textAt(service, 'spec', 'clusterIP');
    if (clusterIp === '' || clusterIp === 'None') return [];
    const own = slices.get(`${service.metadata.namespace}/${service.metadata.name}`) ?? [];
    return listAt(service, 'spec', 'ports').flatMap((port): readonly ServiceRoute[] => {
      const protocol = (textAt(port, 'protocol') || 'TCP').toLowerCase();
      if (protocol !== 'tcp' && protocol !== 'udp') return [];
      const isSticky = textAt(service, 'spec', 'sessionAffinity') === 'ClientIP';
      return [{ clusterIp, protocol, port: Number(port['port']), endpoints: endpointsOf(own, textAt(port, 'name')), isSticky }];
    });
  });
}

/** Endpoints that are ready; where there is none, those that still serve while they end. */
function endpointsOf(slices: readonly KubeObject[], portName: string): readonly ServiceEndpoint[] {
  const all = slices.flatMap((slice) => {
    const port = listAt(slice, 'ports').find((candidate) => textAt(candidate, 'name') === portName);
    if (port === undefined) return [];
    return listAt(slice, 'endpoints').map((endpoint) => ({
      endpoint,
      ip: textAt(endpoint, 'addresses', 0),
      port: Number(port['port']),
    }));
  });
  const ready = all.filter(({ endpoint }) => fieldAt(endpoint, 'conditions', 'ready') !== false);
  const serving = all.filter(({ endpoint }) => fieldAt(endpoint, 'conditions', 'serving') === true);
  return (ready.length > 0 ? ready : serving).map(({ ip, port }) => ({ ip, port })).toSorted((a, b) => (a.ip < b.ip ? -1 : 1));
}
