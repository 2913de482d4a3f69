import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { KubeClient } from '#net/kube/kube-client.ts';
import { isPodReady, type Pod } from '../node/pod-types.ts';

interface SandboxKubeconfig {
  readonly clusters: readonly [{ readonly cluster: { readonly server: string; readonly 'certificate-authority-data': string } }];
  readonly users: readonly [{ readonly user: { readonly token: string } }];
}

/** A client for the kubeconfig of a sandbox, which has one context. */
export function sandboxClient(kubeconfig: string): KubeClient {
  const { clusters, users } = parse(readFileSync(kubeconfig, 'utf8')) as SandboxKubeconfig;
  const [{ cluster }] = clusters;
  const [{ user }] = users;
  const ca = Buffer.from(cluster['certificate-authority-data'], 'base64').toString();
  const headers = { authorization: `Bearer ${user.token}` };
  return new KubeClient({ server: new URL(cluster.server), requestOptions: async () => ({ ca, headers }) });
}

/** Makes a pod that answers a readiness probe, and resolves when it is ready. */
export async function runReadyPod(client: KubeClient, name: string): Promise<void> {
  const path = '/api/v1/namespaces/default/pods';
  const program = "require('node:http').createServer((_, response) => response.end()).listen(8080)";
  const container = {
    name: 'app',
    image: 'localhost/node:24',
    command: ['node', '-e', program],
    readinessProbe: { httpGet: { path: '/', port: 8080 } },
  };
  await client.request({ method: 'POST', path, body: { metadata: { name }, spec: { containers: [container] } } });
  const abort = new AbortController();
  for await (const { object } of client.watch<Pod>(path, { fieldSelector: `metadata.name=${name}` }, abort.signal)) {
    if (isPodReady(object)) break;
  }
  abort.abort();
}
