import type { Answer } from 'dns-packet';
import { formatIp, parseIp } from '#base/common/ip.ts';
import { labelsBefore, normalizeName, parseReverseName } from '#net/dns/names.ts';
import { fieldAt, type KubeObject, listAt, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';

/** What the cluster says to a question: `other` is not for it to say. */
export type NameAnswer =
  | { readonly kind: 'found'; readonly answers: readonly Answer[]; readonly additionals?: readonly Answer[] }
  /** An ExternalName: what the target is has still to be found out. */
  | { readonly kind: 'alias'; readonly answer: Answer; readonly target: string }
  | { readonly kind: 'no-such-name' }
  | { readonly kind: 'other' };

const ttl = 5;
const serviceLabel = 'kubernetes.io/service-name';
const nothing: NameAnswer = { kind: 'no-such-name' };
/** The name exists and has no record of the type. */
const empty: NameAnswer = { kind: 'found', answers: [] };

/** An address behind a Service, with the name that it has there. */
interface NamedEndpoint {
  readonly ip: string;
  readonly label: string;
  readonly ports: readonly { readonly name: string; readonly port: number; readonly protocol: string }[];
}

/** Answers as the DNS specification of Kubernetes has it. `name` in any case, with or without final dot. */
export function clusterName(store: ObjectStore, domain: string, name: string, type: string): NameAnswer {
  const normal = normalizeName(name);
  const reverse = parseReverseName(normal);
  if (reverse !== undefined) return reverseAnswer(store, domain, name, formatIp(reverse), type);
  const before = normal === domain ? '' : labelsBefore(normal, domain);
  if (before === undefined) return { kind: 'other' };
  const labels = before === '' ? [] : before.split('.').reverse();
  const [zone, namespace, ...rest] = labels;
  if (zone === undefined) return empty;
  if (zone !== 'svc' && zone !== 'pod') return nothing;
  if (namespace === undefined) return empty;
  if (store.get(resources.namespaces, undefined, namespace) === undefined) return nothing;
  if (rest.length === 0) return empty;
  if (zone === 'pod') return rest.length === 1 ? podAnswer(name, rest[0] ?? '', type) : nothing;
  return serviceAnswer(store, { name, type, domain, namespace, labels: rest });
}

function podAnswer(name: string, label: string, type: string): NameAnswer {
  const ip = parseIp(label.replaceAll('-', '.'));
  if (ip === undefined) return nothing;
  return type === 'A' ? { kind: 'found', answers: [{ type: 'A', name, ttl, data: formatIp(ip) }] } : empty;
}

interface ServiceQuestion {
  readonly name: string;
  readonly type: string;
  readonly domain: string;
  readonly namespace: string;
  /** From the Service's name downwards. */
  readonly labels: readonly string[];
}

function serviceAnswer(store: ObjectStore, { name, type, domain, namespace, labels }: ServiceQuestion): NameAnswer {
  const [serviceName = '', first, second, ...more] = labels;
  const service = store.get(resources.services, namespace, serviceName);
  if (service === undefined || more.length > 0) return nothing;
  if (textAt(service, 'spec', 'type') === 'ExternalName') {
    const target = normalizeName(textAt(service, 'spec', 'externalName'));
    return first === undefined ? { kind: 'alias', answer: { type: 'CNAME', name, ttl, data: target }, target } : nothing;
  }
  const clusterIp = textAt(service, 'spec', 'clusterIP');
  const isHeadless = clusterIp === 'None';
  const fullName = `${serviceName}.${namespace}.svc.${domain}`;
  const endpoints = namedEndpoints(store, service);
  if (first === undefined) {
    if (isHeadless && endpoints.length === 0) return nothing;
    if (type === 'SRV') return serviceRecords(service, endpoints, { name, fullName });
    return addresses(name, type, isHeadless ? endpoints.map(({ ip }) => ip) : [clusterIp]);
  }
  if (second !== undefined || first.startsWith('_')) {
    return portAnswer(service, endpoints, { name, type, fullName, protocol: first, port: second });
  }
  const found = endpoints.filter(({ label }) => label === first);
  return found.length === 0
    ? nothing
    : addresses(
        name,
        type,
        found.map(({ ip }) => ip),
      );
}

function addresses(name: string, type: string, ips: readonly string[]): NameAnswer {
  if (type !== 'A') return empty;
  return { kind: 'found', answers: [...new Set(ips)].map((data) => ({ type: 'A', name, ttl, data })) };
}

/** `_http._tcp.web…`: the labels are protocol, then port, as they are read from the end. */
function portAnswer(
  service: KubeObject,
  endpoints: readonly NamedEndpoint[],
  question: {
    readonly name: string;
    readonly type: string;
    readonly fullName: string;
    readonly protocol: string;
    readonly port: string | undefined;
  },
): NameAnswer {
  const { name, type, fullName, protocol, port } = question;
  if (port === undefined || !protocol.startsWith('_') || !port.startsWith('_')) return nothing;
  const wanted = { name: port.slice(1), protocol: protocol.slice(1).toUpperCase() };
  const records = serviceRecords(service, endpoints, { name, fullName, wanted });
  if (records.kind !== 'found' || records.answers.length === 0) return nothing;
  return type === 'SRV' ? records : empty;
}

function serviceRecords(
  service: KubeObject,
  endpoints: readonly NamedEndpoint[],
  {
    name,
    fullName,
    wanted,
  }: { readonly name: string; readonly fullName: string; readonly wanted?: { readonly name: string; readonly protocol: string } },
): NameAnswer {
  const fits = (port: { readonly name: string; readonly protocol: string }) =>
    wanted === undefined || (port.name === wanted.name && port.protocol === wanted.protocol);
  const clusterIp = textAt(service, 'spec', 'clusterIP');
  const targets =
    clusterIp === 'None'
      ? endpoints.flatMap(({ label, ip, ports }) =>
          ports.filter(fits).map(({ port }) => ({ target: `${label}.${fullName}`, ip, port })),
        )
      : servicePorts(service)
          .filter(fits)
          .map(({ port }) => ({ target: fullName, ip: clusterIp, port }));
  const weight = Math.max(1, Math.floor(100 / Math.max(1, targets.length)));
  return {
    kind: 'found',
    answers: targets.map(({ target, port }) => ({ type: 'SRV', name, ttl, data: { priority: 0, weight, port, target } })),
    additionals: [...new Map(targets.map(({ target, ip }) => [target, ip]))].map(([target, data]) => ({
      type: 'A',
      name: target,
      ttl,
      data,
    })),
  };
}

function servicePorts(service: KubeObject): NamedEndpoint['ports'] {
  return listAt(service, 'spec', 'ports').map((port) => ({
    name: textAt(port, 'name'),
    port: Number(port['port']),
    protocol: textAt(port, 'protocol') || 'TCP',
  }));
}

function namedEndpoints(store: ObjectStore, { metadata }: KubeObject): readonly NamedEndpoint[] {
  const slices = store.list(resources.endpointSlices, {
    namespace: metadata.namespace,
    labelSelector: `${serviceLabel}=${metadata.name}`,
  });
  return slices.flatMap((slice) => {
    const ports = listAt(slice, 'ports').map((port) => ({
      name: textAt(port, 'name'),
      port: Number(port['port']),
      protocol: textAt(port, 'protocol') || 'TCP',
    }));
    return listAt(slice, 'endpoints')
      .filter((endpoint) => fieldAt(endpoint, 'conditions', 'ready') !== false)
      .map((endpoint) => {
        const ip = textAt(endpoint, 'addresses', 0);
        return { ip, label: textAt(endpoint, 'hostname') || ip.replaceAll('.', '-'), ports };
      });
  });
}

function reverseAnswer(store: ObjectStore, domain: string, name: string, ip: string, type: string): NameAnswer {
  const service = store.list(resources.services).find((candidate) => textAt(candidate, 'spec', 'clusterIP') === ip);
  const names =
    service === undefined
      ? store
          .list(resources.services)
          .filter((candidate) => textAt(candidate, 'spec', 'clusterIP') === 'None')
          .flatMap((headless) =>
            namedEndpoints(store, headless)
              .filter((endpoint) => endpoint.ip === ip)
              .map(({ label }) => `${label}.${headless.metadata.name}.${headless.metadata.namespace}.svc.${domain}`),
          )
      : [`${service.metadata.name}.${service.metadata.namespace}.svc.${domain}`];
  if (names.length === 0) return { kind: 'other' };
  return type === 'PTR' ? { kind: 'found', answers: names.map((data) => ({ type: 'PTR', name, ttl, data })) } : empty;
}
