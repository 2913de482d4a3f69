import { stringify } from 'yaml';

export interface KubeconfigParts {
  readonly name: string;
  readonly server: URL;
  /** PEM. */
  readonly ca: string;
  readonly token: string;
}

/** Text of a kubeconfig with one context. */
export function kubeconfigText({ name, server, ca, token }: KubeconfigParts): string {
  const cluster = { server: server.origin, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name, cluster }],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
  };
  return `# A Telepresence sandbox: a stand-in that looks like Kubernetes to its clients, and is not Kubernetes.\n${stringify(config)}`;
}
