import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { parse } from 'yaml';
import type { KubeconfigSource } from './kubeconfig.ts';

interface KubeconfigFile {
  readonly 'current-context'?: string;
  readonly contexts?: readonly { readonly name?: string; readonly context?: { readonly namespace?: string } }[];
}

/**
 * Context and namespace that a kubeconfig comes down to, for naming things. Reads as little as that needs: the library that knows the rest
 * costs 27 MiB in each thread that loads it. What is missing or broken is left empty, for whoever connects to complain about.
 */
export function contextName({ kubeFlags, kubeconfigEnv = '' }: KubeconfigSource): {
  readonly context: string;
  readonly namespace: string;
} {
  const listed = kubeconfigEnv === '' ? [join(homedir(), '.kube', 'config')] : kubeconfigEnv.split(delimiter);
  const files = (kubeFlags.kubeconfig === undefined ? listed : [kubeFlags.kubeconfig]).map(readKubeconfig);
  const context = kubeFlags.context ?? files.map((file) => file['current-context'] ?? '').find((name) => name !== '') ?? '';
  const found = files.flatMap(({ contexts }) => contexts ?? []).find(({ name }) => name === context);
  return { context, namespace: found?.context?.namespace ?? 'default' };
}

function readKubeconfig(path: string): KubeconfigFile {
  try {
    return (parse(readFileSync(path, 'utf8')) as KubeconfigFile | null) ?? {};
  } catch {
    return {};
  }
}
