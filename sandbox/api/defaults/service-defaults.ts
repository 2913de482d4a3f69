import { type Cidr, containsIp, formatCidr } from '#base/common/cidr.ts';
import { formatIp, parseIp } from '#base/common/ip.ts';
import { isRecord, type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { resources } from '../../store/resources.ts';
import type { FieldCause } from '../../store/status-error.ts';
import type { ObjectStore, StoreHooks } from '../../store/store.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Below are the addresses that are asked for by number: the API server's, the name server's. */
const firstDynamicOffset = 100;
const nodePorts = { first: 30_000, count: 2768 };

/** Gives Services their addresses and ports. */
export function serviceHooks(store: ObjectStore, range: Cidr): StoreHooks {
  let offset = firstDynamicOffset;
  let nodePort = 0;
  const taken = () => new Set(store.list(resources.services).map((service) => textAt(service, 'spec', 'clusterIP')));

  function nextIp(): string {
    const used = taken();
    for (;;) {
      offset += 1;
      const ip = formatIp({ family: range.family, value: range.value + BigInt(offset) });
      if (!used.has(ip)) return ip;
    }
  }

  function nextNodePort(): number {
    nodePort += 1;
    return nodePorts.first + (nodePort % nodePorts.count);
  }

  function prepare(service: KubeObject, previous?: KubeObject): KubeObject {
    const spec = isRecord(service.spec) ? service.spec : {};
    const type = spec['type'] ?? 'ClusterIP';
    const ports = listAt(spec, 'ports').map((port): Fields => {
      const former = listAt(previous, 'spec', 'ports').find((other) => other['port'] === port['port']);
      const external =
        type === 'NodePort' || type === 'LoadBalancer' ? (port['nodePort'] ?? former?.['nodePort'] ?? nextNodePort()) : undefined;
      return {
        protocol: 'TCP',
        ...port,
        targetPort: port['targetPort'] ?? port['port'],
        ...(external === undefined ? {} : { nodePort: external }),
      };
    });
    const common = { sessionAffinity: 'None', ...spec, type, ...(ports.length === 0 ? {} : { ports }) };
    if (type === 'ExternalName') return { ...service, spec: common };
    const asked = textAt(spec, 'clusterIP') || textAt(previous, 'spec', 'clusterIP');
    const clusterIP = asked === '' ? nextIp() : asked;
    return {
      ...service,
      spec: {
        internalTrafficPolicy: 'Cluster',
        ipFamilies: [range.family === 4 ? 'IPv4' : 'IPv6'],
        ipFamilyPolicy: 'SingleStack',
        ...common,
        clusterIP,
        clusterIPs: [clusterIP],
      },
    };
  }

  function validate(service: KubeObject, previous: KubeObject | undefined): readonly FieldCause[] {
    const text = textAt(service, 'spec', 'clusterIP');
    const former = textAt(previous, 'spec', 'clusterIP');
    const causes: FieldCause[] = [];
    const isPortless = text === 'None' || textAt(service, 'spec', 'type') === 'ExternalName';
    if (!isPortless && listAt(service, 'spec', 'ports').length === 0)
      causes.push({ field: 'spec.ports', message: 'Required value', reason: 'FieldValueRequired' });
    if (text === '' || text === 'None' || text === former) return causes;
    const value = `Invalid value: ${JSON.stringify([text])}`;
    const ip = parseIp(text);
    const field = 'spec.clusterIPs';
    if (former !== '') causes.push({ field, message: `${value}: field is immutable` });
    else if (ip === undefined || !containsIp(range, ip)) {
      const why = `the provided IP (${text}) is not in the valid range. The range of valid IPs is ${formatCidr(range)}`;
      causes.push({ field, message: `${value}: failed to allocate IP ${text}: ${why}` });
    } else if (taken().has(text)) {
      causes.push({ field, message: `${value}: failed to allocate IP ${text}: provided IP is already allocated` });
    }
    return causes;
  }

  return { prepareCreate: (service) => prepare(service), prepareUpdate: prepare, validate };
}
