import { delimiter, resolve } from 'node:path';
import type { Command } from 'commander';
import type { KubeFlags } from '#protocol/local-api/model.ts';
import type { CliIo } from '../invocation.ts';
import { collectList } from './values.ts';

/** Commander names options as the kube flags of the local API are named: camel case without dashes. */
export type KubeFlagOptions = { readonly [Name in keyof KubeFlags]?: Exclude<KubeFlags[Name], undefined> };

const fileFlags = ['kubeconfig', 'certificateAuthority', 'clientCertificate', 'clientKey', 'cacheDir'] as const;
const textFlags = [
  'context',
  'cluster',
  'user',
  'server',
  'token',
  'as',
  'asUid',
  'proxyUrl',
  'tlsServerName',
  'requestTimeout',
] as const;
const switchFlags = ['insecureSkipTlsVerify', 'disableCompression'] as const;

/** Adds the flags by which kubectl picks cluster and user. */
export function addKubeFlags(command: Command): Command {
  return command
    .optionsGroup('Kubernetes flags:')
    .option('--as <user>', 'user to impersonate')
    .option('--as-group <group>', 'group to impersonate; repeatable', collectList)
    .option('--as-uid <uid>', 'UID to impersonate')
    .option('--as-user-extra <key=value>', 'extra value of the user to impersonate; repeatable', collectList)
    .option('--cache-dir <path>', 'cache directory of kubectl')
    .option('--certificate-authority <file>', 'certificate authority of the API server')
    .option('--client-certificate <file>', 'client certificate for TLS')
    .option('--client-key <file>', 'client key for TLS')
    .option('--cluster <name>', 'cluster of the kubeconfig')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--disable-compression', 'ask the API server for uncompressed answers')
    .option('--insecure-skip-tls-verify', 'accept any certificate of the API server')
    .option('--kubeconfig <file>', 'kubeconfig to use instead of KUBECONFIG; - is standard input')
    .option('--proxy-url <url>', 'proxy on the way to the API server')
    .option('--request-timeout <duration>', 'time for one request to the API server; 0 is no limit')
    .option('-s, --server <url>', 'address of the API server')
    .option('--tls-server-name <name>', 'name to expect in the certificate of the API server')
    .option('--token <token>', 'bearer token for the API server')
    .option('--user <name>', 'user of the kubeconfig');
}

/** The flags and KUBECONFIG as the daemon needs them, which has a working directory of its own: paths are made absolute. */
export function kubeInput(options: KubeFlagOptions, io: CliIo): { kubeFlags: KubeFlags; kubeconfigEnv?: string } {
  const kubeFlags: KubeFlags = {};
  for (const name of textFlags) if (options[name] !== undefined) kubeFlags[name] = options[name];
  for (const name of switchFlags) if (options[name] !== undefined) kubeFlags[name] = options[name];
  for (const name of fileFlags) if (options[name] !== undefined) kubeFlags[name] = resolve(io.cwd, options[name]);
  if (options.asGroup !== undefined) kubeFlags.asGroup = options.asGroup;
  if (options.asUserExtra !== undefined) kubeFlags.asUserExtra = options.asUserExtra;
  const listed = (io.env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  if (listed.length === 0) return { kubeFlags };
  return { kubeFlags, kubeconfigEnv: listed.map((path) => resolve(io.cwd, path)).join(delimiter) };
}
