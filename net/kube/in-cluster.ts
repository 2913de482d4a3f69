import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import type { KubeCredentials } from './kube-client.ts';

export interface InClusterOptions {
  /** Where `token` and `ca.crt` are. Default: where the kubelet mounts them. */
  readonly directory?: string;
  /** Milliseconds, monotonic. Default `performance.now`. */
  readonly now?: () => number;
}

const serviceAccountDirectory = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The kubelet replaces a token at 80 % of its life, an hour or more: a minute of the old one never hurts. */
const tokenLifeMs = 60_000;

/**
 * The identity that Kubernetes gives every pod: its service account's token, read again every minute since the kubelet rotates it, and
 * the cluster's certificate authority.
 *
 * @throws AppError where the process does not run in a pod.
 */
export async function inClusterCredentials(
  env: Readonly<Record<string, string | undefined>>,
  options: InClusterOptions = {},
): Promise<KubeCredentials> {
  const host = env['KUBERNETES_SERVICE_HOST'];
  const port = env['KUBERNETES_SERVICE_PORT'] ?? '443';
  if (host === undefined || host === '') {
    throw new AppError({
      code: 'cluster.unreachable',
      message: 'KUBERNETES_SERVICE_HOST is not set: this process does not run in a pod',
    });
  }
  const directory = options.directory ?? serviceAccountDirectory;
  const now = options.now ?? (() => performance.now());
  const ca = await readMounted(join(directory, 'ca.crt'));
  let token = (await readMounted(join(directory, 'token'))).trim();
  let readAt = now();
  return {
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    async requestOptions() {
      if (now() - readAt >= tokenLifeMs) {
        token = (await readMounted(join(directory, 'token'))).trim();
        readAt = now();
      }
      return { ca, headers: { authorization: `Bearer ${token}` } };
    },
  };
}

async function readMounted(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new AppError({ code: 'cluster.unauthenticated', message: `The service account's file ${path} cannot be read` }, error);
  }
}
