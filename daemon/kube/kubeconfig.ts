import { existsSync, readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { KubeConfig } from '@kubernetes/client-node/dist/config.js';
import type { Cluster, Context, User } from '@kubernetes/client-node/dist/config_types.js';
import { parse } from 'yaml';
import type { KubeCredentials } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { KubeFlags } from '#protocol/local-api/model.ts';
import { ExecCredentials } from './exec-credentials.ts';

/** What a person points at with kubeconfig, context and flags: one cluster, as one user, in one namespace. */
export interface KubeTarget {
  readonly context: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly server: URL;
  readonly credentials: KubeCredentials;
  /** Program that logs in, as the kubeconfig names it. */
  readonly authPlugin: string | undefined;
  /** Settings for this product in the cluster's `extensions`, under the name `telepresence.io`. */
  readonly extension: unknown;
}

export interface KubeconfigSource {
  readonly kubeFlags: KubeFlags;
  /** Value of KUBECONFIG where the command ran. */
  readonly kubeconfigEnv?: string | undefined;
}

export interface KubeContext {
  readonly name: string;
  readonly cluster: string;
  readonly user: string;
  readonly namespace: string;
  readonly server: string;
  readonly current: boolean;
}

/** What a file says beyond what the library reads of it. */
interface RawFile {
  readonly path: string;
  readonly clusters: readonly RawCluster[];
  readonly users: readonly RawUser[];
}

interface RawCluster {
  readonly name?: string;
  readonly cluster?: { readonly extensions?: readonly { readonly name?: string; readonly extension?: unknown }[] };
}

interface RawUser {
  readonly name?: string;
  readonly user?: { readonly tokenFile?: string };
}

const extensionName = 'telepresence.io';

/** Reads the files, applies the flags and picks the context. Nothing is sent to the cluster. */
export function loadKubeconfig(source: KubeconfigSource): KubeTarget {
  const { config, files } = readFiles(source);
  const flags = source.kubeFlags;
  const base = pickContext(config, flags);
  const cluster = overrideCluster(pickCluster(config, base, flags), flags);
  const userName = flags.user ?? base.user;
  const user = withExecInfo(overrideUser(pickUser(config, userName, base), flags), cluster);
  const context: Context = { ...base, cluster: cluster.name, user: user.name };
  const chosen = new KubeConfig();
  const { exec, ...withoutExec } = user as Omit<User, 'exec'> & { readonly exec?: object | null };
  const login = exec === undefined || exec === null ? undefined : new ExecCredentials(user, cluster.server);
  // The library would run the program for each client anew.
  if (login !== undefined) {
    chosen.addAuthenticator({
      isAuthProvider: () => true,
      applyAuthentication: async (_user, options) => await login.apply(options as RequestOptions),
    });
  }
  // The library refuses plain HTTP unless told that nothing is to be verified, of which there is nothing.
  const accepted = { ...cluster, skipTLSVerify: cluster.skipTLSVerify || cluster.server.startsWith('http:') };
  chosen.loadFromOptions({ clusters: [accepted], users: [withoutExec], contexts: [context], currentContext: context.name });
  return {
    context: base.name,
    cluster: cluster.name,
    namespace: base.namespace ?? 'default',
    server: new URL(cluster.server),
    credentials: {
      ...credentialsOf(chosen, cluster, user, flags, flags.token === undefined ? tokenFileOf(files, userName) : undefined),
      refused: () => login?.refused() ?? false,
    },
    authPlugin:
      (user.exec as { command?: string } | undefined | null)?.command ??
      (user.authProvider as { name?: string } | undefined)?.name,
    extension: findExtension(files, cluster.name),
  };
}

export function listContexts(source: KubeconfigSource): readonly KubeContext[] {
  const { config } = readFiles(source);
  return config.getContexts().map((context) => ({
    name: context.name,
    cluster: context.cluster,
    user: context.user,
    namespace: context.namespace ?? 'default',
    server: config.getCluster(context.cluster)?.server ?? '',
    current: context.name === config.getCurrentContext(),
  }));
}

function readFiles(source: KubeconfigSource): { readonly config: KubeConfig; readonly files: readonly RawFile[] } {
  const { kubeconfig } = source.kubeFlags;
  const named = kubeconfig ?? source.kubeconfigEnv ?? '';
  const listed =
    kubeconfig !== undefined && kubeconfig !== ''
      ? [kubeconfig]
      : named === ''
        ? [join(homedir(), '.kube', 'config')]
        : named.split(delimiter).filter((path) => path !== '');
  const files = listed.filter((path) => existsSync(path));
  const [first, ...others] = files;
  if (first === undefined) {
    throw new AppError({
      code: 'kubeconfig.unreadable',
      message: `No kubeconfig at ${listed.join(', ')}`,
      reason: named === '' ? 'Neither --kubeconfig nor KUBECONFIG names another file' : 'The file does not exist',
      remedies: [{ label: 'Name the file with --kubeconfig, or set KUBECONFIG' }],
    });
  }
  const { config, raw } = readFile(first);
  const raws = [raw];
  for (const path of others) {
    const more = readFile(path);
    mergeKubeconfig(config, more.config);
    raws.push(more.raw);
  }
  return { config, files: raws };
}

function readFile(path: string): { readonly config: KubeConfig; readonly raw: RawFile } {
  const config = new KubeConfig();
  try {
    const text = readFileSync(path, 'utf8');
    const raw = rawFile(path, parse(text, { merge: true, logLevel: 'error' }));
    // To kubectl a file without anything in it is one without contexts.
    if (raw === undefined) return { config, raw: { path, clusters: [], users: [] } };
    config.loadFromString(text, { onInvalidEntry: 'filter' });
    config.makePathsAbsolute(dirname(path));
    for (const { exec } of config.users as { exec?: { command?: string } }[]) {
      if (exec?.command?.includes('/') === true) exec.command = resolve(dirname(path), exec.command);
    }
    return { config, raw };
  } catch (error) {
    const isUnreadable = (error as NodeJS.ErrnoException).syscall !== undefined;
    throw new AppError(
      {
        code: isUnreadable ? 'kubeconfig.unreadable' : 'kubeconfig.invalid',
        message: `The kubeconfig ${path} cannot be ${isUnreadable ? 'read' : 'understood'}`,
        reason: error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error),
      },
      error,
    );
  }
}

function rawFile(path: string, document: unknown): RawFile | undefined {
  if (document === null || document === undefined) return undefined;
  if (typeof document !== 'object' || Array.isArray(document)) throw new Error('It is not a mapping');
  const { clusters, users } = document as { clusters?: RawCluster[] | null; users?: RawUser[] | null };
  for (const list of [clusters, users])
    if (!Array.isArray(list ?? [])) throw new Error('clusters, users and contexts have to be lists');
  return { path, clusters: clusters ?? [], users: users ?? [] };
}

/** As kubectl merges: the first file that names a thing wins. */
function mergeKubeconfig(into: KubeConfig, from: KubeConfig): void {
  const missing = <T extends { readonly name: string }>(have: readonly T[], more: readonly T[]) =>
    more.filter((item) => !have.some(({ name }) => name === item.name));
  into.clusters = [...into.clusters, ...missing(into.clusters, from.clusters)];
  into.users = [...into.users, ...missing(into.users, from.users)];
  into.contexts = [...into.contexts, ...missing(into.contexts, from.contexts)];
  if ((into.currentContext ?? '') === '') into.currentContext = from.currentContext;
}

function pickContext(config: KubeConfig, flags: KubeFlags): Context {
  const name = flags.context ?? config.getCurrentContext() ?? '';
  const context = config.getContextObject(name);
  if (context !== null) return context;
  if (flags.context === undefined && flags.server !== undefined) return { name: flags.server, cluster: '', user: '' };
  const known = config.getContexts().map((item) => item.name);
  throw new AppError({
    code: 'kubeconfig.no-context',
    message: name === '' ? 'The kubeconfig has no current context' : `The kubeconfig has no context "${name}"`,
    reason: known.length === 0 ? 'It has no contexts at all' : `It has ${known.slice(0, 10).join(', ')}`,
    remedies: [{ label: 'Choose one', command: 'telepresence list-contexts' }],
  });
}

function pickCluster(config: KubeConfig, context: Context, flags: KubeFlags): Cluster {
  const name = flags.cluster ?? context.cluster;
  const cluster = config.getCluster(name);
  if (cluster !== null) return cluster;
  if (flags.server !== undefined) return { name: flags.server, server: flags.server, skipTLSVerify: false };
  throw new AppError({
    code: 'kubeconfig.invalid',
    message: `Context "${context.name}" names a cluster "${name}" that the kubeconfig does not have`,
  });
}

function pickUser(config: KubeConfig, name: string, context: Context): User | null {
  const user = config.getUser(name);
  if (user !== null || name === '') return user;
  throw new AppError({
    code: 'kubeconfig.invalid',
    message:
      name === context.user
        ? `Context "${context.name}" names a user "${name}" that the kubeconfig does not have`
        : `The kubeconfig has no user "${name}"`,
  });
}

function overrideCluster(cluster: Cluster, flags: KubeFlags): Cluster {
  const { caData: _caData, ...withoutCa } = cluster;
  const base: Cluster = flags.certificateAuthority === undefined ? cluster : { ...withoutCa, caFile: flags.certificateAuthority };
  const server = flags.server ?? base.server;
  if (!URL.canParse(server)) {
    throw new AppError({ code: 'kubeconfig.invalid', message: `The server of cluster "${cluster.name}" is no URL: ${server}` });
  }
  return {
    ...base,
    server,
    ...(flags.proxyUrl === undefined ? {} : { proxyUrl: proxyOf(flags.proxyUrl) }),
    ...(flags.tlsServerName === undefined ? {} : { tlsServerName: flags.tlsServerName }),
    skipTLSVerify: flags.insecureSkipTlsVerify ?? base.skipTLSVerify,
  };
}

function proxyOf(text: string): string {
  if (URL.canParse(text) && /^(https?|socks5h?):$/.test(new URL(text).protocol)) return text;
  throw new AppError({
    code: 'usage',
    message: `--proxy-url ${text} is no address of a proxy`,
    remedies: [{ label: 'Write it like http://proxy:3128 or socks5://proxy:1080' }],
  });
}

function overrideUser(found: User | null, flags: KubeFlags): User {
  const user: User = found ?? { name: flags.user ?? 'anonymous' };
  if (flags.token !== undefined) return { name: user.name, token: flags.token };
  if (flags.clientCertificate === undefined && flags.clientKey === undefined) return user;
  const { certData: _certData, keyData: _keyData, ...rest } = user;
  return {
    ...rest,
    ...(flags.clientCertificate === undefined ? {} : { certFile: flags.clientCertificate }),
    ...(flags.clientKey === undefined ? {} : { keyFile: flags.clientKey }),
  };
}

/** A program that logs in learns by this variable what it is run for, as kubectl has it (client.authentication.k8s.io/v1). */
function withExecInfo(user: User, cluster: Cluster): User {
  const exec = user.exec as { apiVersion?: string; provideClusterInfo?: boolean; env?: readonly object[] } | undefined;
  if (exec === undefined || exec === null) return user;
  const info = {
    kind: 'ExecCredential',
    apiVersion: exec.apiVersion ?? 'client.authentication.k8s.io/v1',
    spec: {
      interactive: false,
      ...(exec.provideClusterInfo === true
        ? {
            cluster: {
              server: cluster.server,
              'certificate-authority-data': cluster.caData,
              'insecure-skip-tls-verify': cluster.skipTLSVerify,
              'tls-server-name': cluster.tlsServerName,
              'proxy-url': cluster.proxyUrl,
            },
          }
        : {}),
    },
  };
  return {
    ...user,
    exec: { ...exec, env: [...(exec.env ?? []), { name: 'KUBERNETES_EXEC_INFO', value: JSON.stringify(info) }] },
  };
}

function credentialsOf(
  config: KubeConfig,
  cluster: Cluster,
  user: User,
  flags: KubeFlags,
  tokenFile: string | undefined,
): KubeCredentials {
  const impersonation = impersonationHeaders(flags);
  return {
    server: new URL(cluster.server),
    async requestOptions() {
      const options: RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(options);
        if (tokenFile !== undefined)
          options.headers = {
            ...(options.headers as Record<string, string>),
            Authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`,
          };
      } catch (error) {
        throw authPluginError(error, user);
      }
      const { agent, ...rest } = options;
      return {
        ...rest,
        // The library's agent matters for proxies only; without it connections are pooled where they are used.
        ...(cluster.proxyUrl === undefined || agent === undefined ? {} : { agent }),
        headers: { ...(rest.headers as Record<string, string> | undefined), ...impersonation },
      };
    },
  };
}

function impersonationHeaders(flags: KubeFlags): Record<string, string | string[]> {
  return {
    ...(flags.as === undefined ? {} : { 'Impersonate-User': flags.as }),
    ...(flags.asUid === undefined ? {} : { 'Impersonate-Uid': flags.asUid }),
    ...(flags.asGroup === undefined ? {} : { 'Impersonate-Group': flags.asGroup }),
    ...impersonatedExtras(flags.asUserExtra ?? []),
  };
}

/** The key is a part of the header's name, where most characters have to be escaped. */
function impersonatedExtras(pairs: readonly string[]): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (const pair of pairs) {
    const end = pair.indexOf('=');
    const name = `Impersonate-Extra-${encodeURIComponent(pair.slice(0, end).toLowerCase())}`;
    (headers[name] ??= []).push(pair.slice(end + 1));
  }
  return headers;
}

/** A plugin that is missing has a remedy of its own; anything else that fails here is the plugin's to explain. */
function authPluginError(error: unknown, user: User): AppError {
  const exec = user.exec as { command?: string; installHint?: string } | undefined;
  const command = exec?.command ?? (user.authProvider as { name?: string } | undefined)?.name ?? 'the auth plugin';
  const message = error instanceof Error ? error.message : String(error);
  const { code, syscall = '' } = error as NodeJS.ErrnoException;
  const isMissing = code === 'ENOENT' && syscall.startsWith('spawn');
  if (code !== undefined && !syscall.startsWith('spawn') && syscall !== '') {
    return new AppError(
      { code: 'kubeconfig.invalid', message: 'The kubeconfig names a file that cannot be read', reason: message },
      error,
    );
  }
  if (isMissing) {
    const hint = exec?.installHint?.trim();
    return new AppError(
      {
        code: 'kubeconfig.auth-plugin-missing',
        message: `The kubeconfig wants the program "${command}" to log in, and it is not on the PATH`,
        remedies: [
          {
            label:
              hint === undefined || hint === '' ? `Install ${command}, or add it to the PATH of the daemon and restart it` : hint,
          },
        ],
      },
      error,
    );
  }
  return new AppError(
    {
      code: 'kubeconfig.auth-plugin-failed',
      message: `Logging in with "${command}" failed`,
      reason: message.trim().split('\n').slice(0, 3).join(' '),
      remedies: [{ label: 'Check that kubectl works with the same context', command: 'kubectl version' }],
    },
    error,
  );
}

/** Of the first file that has the cluster; the library drops extensions. */
function findExtension(files: readonly RawFile[], clusterName: string): unknown {
  const cluster = files.flatMap(({ clusters }) => clusters).find(({ name }) => name === clusterName);
  return cluster?.cluster?.extensions?.find(({ name }) => name === extensionName)?.extension;
}

/** Of the first file that has the user. kubectl reads it anew for each request, since such tokens are short-lived; the library not at all. */
function tokenFileOf(files: readonly RawFile[], userName: string): string | undefined {
  const owner = files.find(({ users }) => users.some(({ name }) => name === userName));
  const tokenFile = owner?.users.find(({ name }) => name === userName)?.user?.tokenFile;
  if (owner === undefined || tokenFile === undefined) return undefined;
  return resolve(dirname(owner.path), tokenFile);
}
