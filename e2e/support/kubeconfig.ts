import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import type { KubeCredentials } from '#net/kube/kube-client.ts';

interface Named {
  readonly name: string;
}

interface KubeconfigFile {
  readonly 'current-context': string;
  readonly clusters: readonly (Named & { readonly cluster: ClusterEntry })[];
  readonly users: readonly (Named & { readonly user: Readonly<Record<string, unknown>> })[];
  readonly contexts: readonly (Named & {
    readonly context: { readonly cluster: string; readonly user: string; readonly namespace?: string };
  })[];
}

export interface ClusterEntry {
  readonly server: string;
  readonly 'certificate-authority'?: string;
  readonly 'certificate-authority-data'?: string;
  readonly 'tls-server-name'?: string;
}

/** The current context of a kubeconfig file, with its parts. */
export interface KubeContext {
  readonly name: string;
  readonly namespace: string;
  readonly cluster: ClusterEntry;
  readonly user: Readonly<Record<string, unknown>>;
}

export function readKubeContext(file: string): KubeContext {
  const config = parse(readFileSync(file, 'utf8')) as KubeconfigFile;
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config.users.find(({ name }) => name === context?.user)?.user;
  if (context === undefined || cluster === undefined || user === undefined)
    throw new Error(`${file}: its current context is not complete`);
  return { name: config['current-context'], namespace: context.namespace ?? 'default', cluster, user };
}

/** Credentials of an administrator for the harness itself: certificates or a token, inline or in files. */
export function harnessCredentials(context: KubeContext): KubeCredentials {
  const { cluster, user } = context;
  const material = (holder: Readonly<Record<string, unknown>>, name: string): Buffer | undefined => {
    const data = holder[`${name}-data`];
    const path = holder[name];
    if (typeof data === 'string') return Buffer.from(data, 'base64');
    return typeof path === 'string' ? readFileSync(path) : undefined;
  };
  const ca = material({ ...cluster }, 'certificate-authority');
  const cert = material(user, 'client-certificate');
  const key = material(user, 'client-key');
  const token = user['token'];
  const servername = cluster['tls-server-name'];
  const options = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(servername === undefined ? {} : { servername }),
    ...(typeof token === 'string' ? { headers: { authorization: `Bearer ${token}` } } : {}),
  };
  return { server: new URL(cluster.server), requestOptions: async () => await Promise.resolve(options) };
}

export interface WrittenContext {
  readonly cluster: ClusterEntry;
  readonly user: Readonly<Record<string, unknown>>;
  readonly namespace?: string;
}

/** Text of a kubeconfig with these contexts; the first is the current one. JSON is YAML. */
export function kubeconfigText(contexts: Readonly<Record<string, WrittenContext>>): string {
  const entries = Object.entries(contexts);
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': entries[0]?.[0] ?? '',
      clusters: entries.map(([name, { cluster }]) => ({ name, cluster })),
      users: entries.map(([name, { user }]) => ({ name, user })),
      contexts: entries.map(([name, { namespace }]) => ({
        name,
        context: { cluster: name, user: name, ...(namespace === undefined ? {} : { namespace }) },
      })),
    },
    undefined,
    2,
  );
}
