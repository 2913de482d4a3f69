import { type KubeObject, listAt, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { ContainerConfigError } from './container-config-error.ts';
import { fieldValue, resourceValue } from './downward.ts';
import type { Container, EnvSource, EnvVariable, KeySelector, Pod } from './pod-types.ts';

/** The variables of a container that come from Kubernetes, in the order of precedence: services, sources, and the container's own. */
export function podEnvironment(store: ObjectStore, pod: Pod, container: Container): Readonly<Record<string, string>> {
  const namespace = pod.metadata.namespace ?? '';
  const found: Record<string, string> = serviceVariables(store, namespace, pod.spec.enableServiceLinks !== false);
  for (const source of container.envFrom ?? []) Object.assign(found, sourceVariables(store, namespace, source));
  const own: Record<string, string> = {};
  for (const variable of container.env ?? []) {
    const value = variableValue(store, pod, container, variable, { ...found, ...own });
    if (value !== undefined) own[variable.name] = value;
  }
  return { ...found, ...own };
}

/** Replaces `$(NAME)` where the name is known; `$$` stands for a dollar sign. */
export function expandVariables(text: string, variables: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$(\$|\(([^()]*)\))/g, (whole: string, what: string, name: string | undefined) =>
    what === '$' ? '$' : (variables[name ?? ''] ?? whole),
  );
}

function variableValue(
  store: ObjectStore,
  pod: Pod,
  container: Container,
  { value, valueFrom }: EnvVariable,
  known: Readonly<Record<string, string>>,
): string | undefined {
  if (valueFrom === undefined) return expandVariables(value ?? '', known);
  const namespace = pod.metadata.namespace ?? '';
  if (valueFrom.fieldRef !== undefined) return fieldValue(pod, valueFrom.fieldRef.fieldPath);
  if (valueFrom.resourceFieldRef !== undefined) return resourceValue(pod, container, valueFrom.resourceFieldRef);
  if (valueFrom.configMapKeyRef !== undefined) return keyValue(store, 'configMaps', namespace, valueFrom.configMapKeyRef);
  if (valueFrom.secretKeyRef !== undefined) return keyValue(store, 'secrets', namespace, valueFrom.secretKeyRef);
  return undefined;
}

function keyValue(
  store: ObjectStore,
  kind: 'configMaps' | 'secrets',
  namespace: string,
  selector: KeySelector,
): string | undefined {
  const { name = '', key, optional = false } = selector;
  const object = store.get(resources[kind], namespace, name);
  const value = object === undefined ? undefined : dataOf(object).get(key);
  if (value !== undefined) return value.toString();
  if (optional) return undefined;
  const title = kind === 'secrets' ? 'secret' : 'configmap';
  const message =
    object === undefined ? `${title} "${name}" not found` : `couldn't find key ${key} in ${title} ${namespace}/${name}`;
  throw new ContainerConfigError(message);
}

function sourceVariables(
  store: ObjectStore,
  namespace: string,
  { prefix = '', configMapRef, secretRef }: EnvSource,
): Record<string, string> {
  const kind = secretRef === undefined ? 'configMaps' : 'secrets';
  const { name = '', optional = false } = secretRef ?? configMapRef ?? {};
  const object = store.get(resources[kind], namespace, name);
  if (object === undefined) {
    if (optional) return {};
    throw new ContainerConfigError(`${kind === 'secrets' ? 'secret' : 'configmap'} "${name}" not found`);
  }
  return Object.fromEntries([...dataOf(object)].map(([key, value]) => [prefix + key, value.toString()]));
}

/** What a ConfigMap or Secret holds, decoded. */
export function dataOf(object: KubeObject): ReadonlyMap<string, Buffer> {
  const plain = Object.entries((object['data'] ?? {}) as Readonly<Record<string, string>>);
  const binary = Object.entries((object['binaryData'] ?? {}) as Readonly<Record<string, string>>);
  const isSecret = object.kind === 'Secret';
  return new Map([
    ...plain.map(([key, text]) => [key, Buffer.from(text, isSecret ? 'base64' : 'utf8')] as const),
    ...binary.map(([key, text]) => [key, Buffer.from(text, 'base64')] as const),
  ]);
}

/** `WEB_SERVICE_HOST` and its like: of the API server always, of the namespace's other Services unless the pod does not want them. */
function serviceVariables(store: ObjectStore, namespace: string, hasLinks: boolean): Record<string, string> {
  const kubernetes = store.get(resources.services, 'default', 'kubernetes');
  const linked = hasLinks ? store.list(resources.services, { namespace }) : [];
  const services = [...new Set([...linked, ...(kubernetes === undefined ? [] : [kubernetes])])];
  return Object.assign({}, ...services.map(linkVariables)) as Record<string, string>;
}

function linkVariables(service: KubeObject): Record<string, string> {
  const ip = textAt(service, 'spec', 'clusterIP');
  const ports = listAt(service, 'spec', 'ports');
  const [first] = ports;
  if (first === undefined || ip === '' || ip === 'None') return {};
  const variableName = (text: string) => text.toUpperCase().replaceAll('-', '_');
  const prefix = variableName(service.metadata.name);
  const found: Record<string, string> = { [`${prefix}_SERVICE_HOST`]: ip, [`${prefix}_SERVICE_PORT`]: textAt(first, 'port') };
  for (const port of ports) {
    const name = textAt(port, 'name');
    if (name !== '') found[`${prefix}_SERVICE_PORT_${variableName(name)}`] = textAt(port, 'port');
  }
  for (const port of ports) {
    const protocol = textAt(port, 'protocol') || 'TCP';
    const url = `${protocol.toLowerCase()}://${ip}:${textAt(port, 'port')}`;
    const link = `${prefix}_PORT_${textAt(port, 'port')}_${protocol}`;
    found[`${prefix}_PORT`] ??= url;
    Object.assign(found, {
      [link]: url,
      [`${link}_PROTO`]: protocol.toLowerCase(),
      [`${link}_PORT`]: textAt(port, 'port'),
      [`${link}_ADDR`]: ip,
    });
  }
  return found;
}
