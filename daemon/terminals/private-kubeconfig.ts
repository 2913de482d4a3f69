import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import type { KubeFlags } from '#protocol/local-api/model.ts';
import { contextName } from '../kube/context-name.ts';
import type { KubeconfigSource } from '../kube/kubeconfig.ts';

interface Named<Member extends string> {
  readonly name?: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly member: Member;
}

/** Members that name files, relative to the kubeconfig that they are in. */
const pathMembers = ['certificate-authority', 'client-certificate', 'client-key', 'tokenFile'];

const ownName = 'telepresence';

/**
 * One kubeconfig with all that the given ones have, whose current context is what the connection was made with: context, namespace and
 * flags. JSON, which is YAML. It holds the credentials of the originals.
 */
export function privateKubeconfig(source: KubeconfigSource, namespace: string): string {
  const { kubeFlags, kubeconfigEnv = '' } = source;
  const fallback = kubeconfigEnv === '' ? [join(homedir(), '.kube', 'config')] : kubeconfigEnv.split(delimiter);
  const files = kubeFlags.kubeconfig === undefined ? fallback : [kubeFlags.kubeconfig];
  const documents = files.filter((path) => path !== '').flatMap(readDocument);
  const merged = <Member extends 'cluster' | 'user' | 'context'>(member: Member) => firstOfEachName(documents, member);
  const [clusters, users, contexts] = [merged('cluster'), merged('user'), merged('context')];
  const { context: contextInUse } = contextName(source);
  const find = (list: readonly Named<string>[], name: unknown) => list.find((item) => item.name === name)?.body ?? {};
  const base = find(contexts, contextInUse);
  const clusterName = kubeFlags.cluster ?? base['cluster'];
  const userName = kubeFlags.user ?? base['user'];
  const clusterChange = clusterFlags(kubeFlags);
  const userChange = userFlags(kubeFlags);
  const ownCluster = Object.keys(clusterChange).length === 0 ? undefined : { ...find(clusters, clusterName), ...clusterChange };
  const ownUser = Object.keys(userChange).length === 0 ? undefined : { ...find(users, userName), ...userChange };
  const context = {
    ...base,
    cluster: ownCluster === undefined ? clusterName : ownName,
    user: ownUser === undefined ? userName : ownName,
    namespace,
  };
  const current = contextInUse === '' ? ownName : contextInUse;
  const list = (items: readonly Named<string>[], name: string | undefined, own: unknown, member: string) => [
    ...items.filter((item) => own === undefined || item.name !== name).map((item) => ({ name: item.name, [member]: item.body })),
    ...(own === undefined ? [] : [{ name, [member]: own }]),
  ];
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': current,
    clusters: list(clusters, ownName, ownCluster, 'cluster'),
    users: list(users, ownName, ownUser, 'user'),
    contexts: list(contexts, current, context, 'context'),
  });
}

function readDocument(path: string): { readonly path: string; readonly document: Readonly<Record<string, unknown>> }[] {
  try {
    const document: unknown = parse(readFileSync(path, 'utf8'), { merge: true, logLevel: 'error' });
    return typeof document === 'object' && document !== null ? [{ path, document: document as Record<string, unknown> }] : [];
  } catch {
    // The connection has read it; whoever needs it in the terminal is told by kubectl.
    return [];
  }
}

/** As kubectl merges: the first file that names a thing wins. */
function firstOfEachName<Member extends string>(documents: ReturnType<typeof readDocument>, member: Member): Named<Member>[] {
  const found = new Map<string, Named<Member>>();
  for (const { path, document } of documents) {
    const list = document[`${member}s`];
    if (!Array.isArray(list)) continue;
    for (const item of list as readonly Readonly<Record<string, unknown>>[]) {
      const name = item['name'];
      if (typeof name !== 'string' || found.has(name)) continue;
      const body = (item[member] ?? {}) as Readonly<Record<string, unknown>>;
      found.set(name, { name, body: withAbsolutePaths(body, dirname(path)), member });
    }
  }
  return [...found.values()];
}

function withAbsolutePaths(body: Readonly<Record<string, unknown>>, directory: string): Record<string, unknown> {
  const result = { ...body };
  for (const name of pathMembers) {
    const value = result[name];
    if (typeof value === 'string' && value !== '') result[name] = resolve(directory, value);
  }
  const exec = result['exec'] as { readonly command?: unknown } | undefined;
  // A bare word is looked for on the PATH.
  if (typeof exec?.command === 'string' && exec.command.includes('/')) {
    result['exec'] = { ...exec, command: resolve(directory, exec.command) };
  }
  return result;
}

function clusterFlags(flags: KubeFlags): Record<string, unknown> {
  return defined({
    server: flags.server,
    'certificate-authority': flags.certificateAuthority,
    ...(flags.certificateAuthority === undefined ? {} : { 'certificate-authority-data': null }),
    'proxy-url': flags.proxyUrl,
    'tls-server-name': flags.tlsServerName,
    'insecure-skip-tls-verify': flags.insecureSkipTlsVerify,
    'disable-compression': flags.disableCompression,
  });
}

function userFlags(flags: KubeFlags): Record<string, unknown> {
  const others = { exec: null, 'auth-provider': null, tokenFile: null, username: null, password: null };
  return defined({
    token: flags.token,
    ...(flags.token === undefined ? {} : others),
    'client-certificate': flags.clientCertificate,
    ...(flags.clientCertificate === undefined ? {} : { 'client-certificate-data': null }),
    'client-key': flags.clientKey,
    ...(flags.clientKey === undefined ? {} : { 'client-key-data': null }),
    as: flags.as,
    'as-uid': flags.asUid,
    'as-groups': flags.asGroup,
    'as-user-extra': flags.asUserExtra === undefined ? undefined : extras(flags.asUserExtra),
  });
}

function extras(pairs: readonly string[]): Record<string, string[]> {
  const result: Record<string, string[]> = {};
  for (const pair of pairs) {
    const end = pair.indexOf('=');
    (result[pair.slice(0, end)] ??= []).push(pair.slice(end + 1));
  }
  return result;
}

function defined(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}
