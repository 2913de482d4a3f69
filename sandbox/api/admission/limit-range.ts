import { fieldAt, isRecord, type KubeObject, listAt } from '../../store/objects.ts';
import { resources } from '../../store/resources.ts';
import { forbidden } from '../../store/status-error.ts';
import type { ObjectStore } from '../../store/store.ts';
import { formatQuantity, parseQuantity } from './quantities.ts';
import { podAmount } from './quota.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Containers without requests or limits get those of the namespace's LimitRanges. */
export function withLimitDefaults(store: ObjectStore, pod: KubeObject): KubeObject {
  const items = limitItems(store, pod).filter(({ type }) => type === 'Container');
  const limits = Object.assign({}, ...items.map(({ default: value }) => value ?? {})) as Fields;
  const requests = Object.assign({}, limits, ...items.map(({ defaultRequest }) => defaultRequest ?? {})) as Fields;
  if (Object.keys(requests).length === 0) return pod;
  const spec = isRecord(pod.spec) ? pod.spec : {};
  const lists = ['containers', 'initContainers'].filter((list) => listAt(spec, list).length > 0);
  const withDefaults = (container: Fields): Fields => {
    const own = (container['resources'] ?? {}) as { readonly limits?: Fields; readonly requests?: Fields };
    return {
      ...container,
      resources: { ...own, limits: { ...limits, ...own.limits }, requests: { ...requests, ...own.limits, ...own.requests } },
    };
  };
  return { ...pod, spec: { ...spec, ...Object.fromEntries(lists.map((list) => [list, listAt(spec, list).map(withDefaults)])) } };
}

/** @throws StatusError 403 where the pod or a container takes more, or says less, than a LimitRange allows */
export function requireWithinLimits(store: ObjectStore, pod: KubeObject): void {
  const causes = limitItems(store, pod).flatMap((item) => {
    const max = Object.entries((item['max'] ?? {}) as Fields);
    const min = Object.entries((item['min'] ?? {}) as Fields);
    if (item['type'] === 'Pod') {
      return [
        ...max.flatMap(([name, bound]) => tooMuch('Pod', name, bound, podAmount(pod, 'limits', name))),
        ...min.flatMap(([name, bound]) => tooLittle('Pod', name, bound, podAmount(pod, 'requests', name))),
      ];
    }
    if (item['type'] !== 'Container') return [];
    const ratios = Object.entries((item['maxLimitRequestRatio'] ?? {}) as Fields);
    return ['containers', 'initContainers']
      .flatMap((list) => listAt(pod, 'spec', list))
      .flatMap((container) => {
        const amount = (kind: string, name: string) => parseQuantity(fieldAt(container, 'resources', kind, name) ?? 0);
        return [
          ...max.flatMap(([name, bound]) => tooMuch('Container', name, bound, amount('limits', name))),
          ...min.flatMap(([name, bound]) => tooLittle('Container', name, bound, amount('requests', name))),
          ...ratios.flatMap(([name, bound]) => tooFar(name, bound, amount('limits', name), amount('requests', name))),
        ];
      });
  });
  if (causes.length > 0)
    throw forbidden(resources.pods, pod.metadata.name, causes.length === 1 ? (causes[0] ?? '') : `[${causes.join(', ')}]`);
}

function limitItems(store: ObjectStore, { metadata: { namespace } }: KubeObject): readonly Fields[] {
  return store.list(resources.limitRanges, { namespace }).flatMap((range) => listAt(range, 'spec', 'limits'));
}

function tooMuch(type: string, name: string, bound: unknown, limit: number): readonly string[] {
  const rule = `maximum ${name} usage per ${type} is ${String(bound)}`;
  if (limit === 0) return [`${rule}.  No limit is specified`];
  return limit > parseQuantity(bound) ? [`${rule}, but limit is ${formatQuantity(name, limit)}`] : [];
}

function tooLittle(type: string, name: string, bound: unknown, request: number): readonly string[] {
  const rule = `minimum ${name} usage per ${type} is ${String(bound)}`;
  if (request === 0) return [`${rule}.  No request is specified`];
  return request < parseQuantity(bound) ? [`${rule}, but request is ${formatQuantity(name, request)}`] : [];
}

function tooFar(name: string, bound: unknown, limit: number, request: number): readonly string[] {
  const rule = `${name} max limit to request ratio per Container is ${String(bound)}`;
  if (limit === 0 || request === 0) return [`${rule}, but no request is specified or request is 0`];
  return limit / request > parseQuantity(bound) ? [`${rule}, but provided ratio is ${(limit / request).toFixed(6)}`] : [];
}
