import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { productPaths } from '#base/node/paths.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { kubeInput } from '../flags/kube-flags.ts';
import type { CliIo } from '../invocation.ts';

/** Kinds of values that completion looks up. */
export const valueKinds = ['context', 'namespace', 'connection', 'workload', 'engagement'] as const;
export type ValueKind = (typeof valueKinds)[number];

/** A shell waits for this: better no candidates than a stuck prompt. */
const lookupTimeoutMs = 2_000;

/** All values of a kind, given the options typed so far. Only a daemon that runs already is asked. */
export async function completeValue(kind: ValueKind, options: Readonly<Record<string, string>>, io: CliIo): Promise<string[]> {
  switch (kind) {
    case 'context':
      return await readContextNames(options['kubeconfig'], io);
    case 'namespace':
      return await askDaemon(io, async (api, signal) => {
        const { kubeconfig, context } = options;
        const flags = { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) };
        return (await api.call('listNamespaces', kubeInput(flags, io), { signal })).namespaces;
      });
    case 'connection':
      return await askDaemon(io, async (api) => {
        const { readState } = await import('#net/rpc/state-mirror.ts');
        return Object.values((await readState(api)).connections).map(({ name }) => name);
      });
    case 'engagement':
      return await askDaemon(io, async (api) => {
        const { readState } = await import('#net/rpc/state-mirror.ts');
        return Object.values((await readState(api)).engagements).map(({ name }) => name);
      });
    case 'workload':
      return await askDaemon(io, async (api, signal) => {
        const { namespace } = options;
        const { workloads } = await api.call('listWorkloads', namespace === undefined ? {} : { namespace }, { signal });
        return workloads.map(({ name }) => name);
      });
  }
}

async function askDaemon(io: CliIo, ask: (api: ApiClient, signal: AbortSignal) => Promise<string[]>): Promise<string[]> {
  const { connectApi } = await import('#net/rpc/connect-api.ts');
  const api = await connectApi(productPaths(io.env).daemonSocket, { greetingTimeoutMs: lookupTimeoutMs });
  try {
    // Workloads of two kinds may have one name.
    return [...new Set(await ask(api, AbortSignal.timeout(lookupTimeoutMs)))].sort();
  } finally {
    api.close();
  }
}

interface KubeconfigNames {
  readonly contexts?: readonly { readonly name?: unknown }[];
}

/** The names alone, from the files, so that contexts are completed before there is a daemon. */
async function readContextNames(kubeconfig: string | undefined, io: CliIo): Promise<string[]> {
  const { parse } = await import('yaml');
  const listed = kubeconfig ?? io.env['KUBECONFIG'] ?? '';
  const files = listed === '' ? [join(io.env['HOME'] ?? homedir(), '.kube', 'config')] : listed.split(delimiter);
  const names = new Set<string>();
  for (const file of files) {
    const text = await readFile(resolve(io.cwd, file), 'utf8').catch(() => '');
    const { contexts = [] } = (parse(text) ?? {}) as KubeconfigNames;
    for (const { name } of contexts) if (typeof name === 'string') names.add(name);
  }
  return [...names].sort();
}
