import { createPrivateKey, X509Certificate } from 'node:crypto';
import { makeServerCertificate, type ServerCertificate } from '#base/node/certificates/server-certificate.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { injectorName, injectorSecretName, webhookConfigurationName, webhookName } from '#protocol/chart/manager-environment.ts';

interface SecretObject {
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

interface WebhookConfiguration {
  readonly webhooks?: readonly { readonly name: string; readonly clientConfig?: { readonly caBundle?: string } }[];
}

const dayMs = 86_400_000;
const validForMs = 365 * dayMs;

/** Replaced when less than this is left. */
const minLeftMs = 120 * dayMs;

const keys = { ca: 'ca.crt', certificate: 'tls.crt', key: 'tls.key' } as const;

/** The names by which the API server may call the webhook's Service. */
function webhookHosts(managerNamespace: string): readonly string[] {
  const service = `${injectorName}.${managerNamespace}`;
  return [`${service}.svc`, service, `${service}.svc.cluster.local`];
}

/**
 * The certificate in the Secret of the chart; a new one, put there, where that is none, no longer fits, or will soon end. Whoever writes
 * first wins.
 *
 * @throws KubeStatusError where there is no Secret, or no right to it.
 */
export async function webhookCertificate(
  kube: KubeClient,
  managerNamespace: string,
  signal: AbortSignal,
  now = Date.now(),
): Promise<ServerCertificate> {
  const path = `/api/v1/namespaces/${managerNamespace}/secrets/${injectorSecretName}`;
  const hosts = webhookHosts(managerNamespace);
  for (;;) {
    const secret = await kube.request<SecretObject>({ method: 'GET', path, signal });
    const present = readCertificate(secret.data ?? {});
    if (present !== undefined && isUsable(present, hosts, now)) return present;
    const made = makeServerCertificate({ issuer: 'Telepresence agent injector', dnsNames: hosts, validForMs, now });
    const encode = (text: string) => Buffer.from(text).toString('base64');
    const data = { [keys.ca]: encode(made.ca), [keys.certificate]: encode(made.certificate), [keys.key]: encode(made.key) };
    try {
      await kube.request({ method: 'PUT', path, body: { ...secret, data: { ...secret.data, ...data } }, signal });
      return made;
    } catch (error) {
      if (!(error instanceof KubeStatusError) || error.status !== 409) throw error;
    }
  }
}

/** Makes the API server trust these authorities, where it does not yet. */
export async function publishAuthorities(
  kube: KubeClient,
  managerNamespace: string,
  authorities: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhookConfigurationName(managerNamespace)}`;
  const caBundle = Buffer.from(authorities.join('')).toString('base64');
  const { webhooks = [] } = await kube.request<WebhookConfiguration>({ method: 'GET', path, signal });
  if (webhooks.every(({ name, clientConfig }) => name !== webhookName || clientConfig?.caBundle === caBundle)) return;
  await kube.request({
    method: 'PATCH',
    path,
    contentType: 'application/strategic-merge-patch+json',
    body: { webhooks: [{ name: webhookName, clientConfig: { caBundle } }] },
    signal,
  });
}

function readCertificate(data: Readonly<Record<string, string>>): ServerCertificate | undefined {
  const decode = (key: string) => Buffer.from(data[key] ?? '', 'base64').toString('utf8');
  const found = { ca: decode(keys.ca), certificate: decode(keys.certificate), key: decode(keys.key) };
  return Object.values(found).includes('') ? undefined : found;
}

function isUsable({ ca, certificate, key }: ServerCertificate, hosts: readonly string[], now: number): boolean {
  try {
    const issued = new X509Certificate(certificate);
    return (
      issued.verify(new X509Certificate(ca).publicKey) &&
      issued.checkPrivateKey(createPrivateKey(key)) &&
      issued.checkHost(hosts[0] ?? '') !== undefined &&
      Date.parse(issued.validTo) - now > minLeftMs &&
      Date.parse(issued.validFrom) <= now
    );
  } catch {
    return false;
  }
}
