import { stringify } from 'yaml';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { namespacePath } from './cluster-pods.ts';
import { secretName } from './redact-log.ts';

/** A pod as the API server has it, without what changes all the time, and without values whose names say that they are secret. */
export async function podYaml(client: KubeClient, namespace: string, pod: string, signal: AbortSignal): Promise<string> {
  const path = `${namespacePath(namespace)}/pods/${encodeURIComponent(pod)}`;
  const { metadata, ...rest } = await client.request<{ readonly metadata: Readonly<Record<string, unknown>> }>({
    method: 'GET',
    path,
    signal,
  });
  const { managedFields: _managedFields, ...kept } = metadata;
  return stringify(withoutSecrets({ metadata: kept, ...rest }), { lineWidth: 0 });
}

/** Members `value` beside a `name` that says so, as in the environment of containers. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== 'object' || value === null) return value;
  const { name } = value as { readonly name?: unknown };
  const isSecret = typeof name === 'string' && secretName.test(name);
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      isSecret && key === 'value' && typeof member === 'string' ? '[redacted]' : withoutSecrets(member),
    ]),
  );
}
