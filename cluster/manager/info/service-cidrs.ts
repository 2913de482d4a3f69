import { type Cidr, cidrOf, formatCidr, mergeCidrs, parseCidr } from '#base/common/cidr.ts';
import { parseIp } from '#base/common/ip.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';

export interface ServiceCidrObject {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
  readonly spec?: { readonly cidrs?: readonly string[] };
}

/** Where a cluster keeps its service ranges as objects: Kubernetes 1.33 and later. */
export const serviceCidrPath = '/apis/networking.k8s.io/v1/servicecidrs';

/** The prefix lengths that API servers allow at most: /12 in theory, but /16 is what installers use; /108 for IPv6. */
const guessedPrefix = { 4: 16, 6: 108 } as const;

/** An address that no cluster has in its service range, so that asking for it is refused with the range in the message. */
const impossibleIps = ['1.1.1.1', '2606:4700:4700::1111'];

export function cidrsOf(object: ServiceCidrObject): readonly string[] {
  return parseAll(object.spec?.cidrs ?? []).map(formatCidr);
}

/**
 * The service ranges of a cluster without objects for them: asked for an impossible address (as a dry run), the API server names the range
 * in its refusal. Where it does not, a range of the usual size around the API's own service is the best guess.
 */
export async function guessServiceCidrs(
  kube: KubeClient,
  namespace: string,
  kubernetesServiceIp: string,
  signal?: AbortSignal,
): Promise<readonly Cidr[]> {
  const refusals = await Promise.all(impossibleIps.map((ip) => provokeRefusal(kube, namespace, ip, signal)));
  const found = refusals.flatMap((message) => (message === undefined ? [] : rangesInRefusal(message)));
  return found.length > 0 ? mergeCidrs(found) : guessAround(kubernetesServiceIp);
}

/** The range in `… The range of valid IPs is 10.96.0.0/12`. */
export function rangesInRefusal(message: string): readonly Cidr[] {
  const match = /range of valid IPs is ([0-9a-fA-F.:/]+)/.exec(message);
  return match?.[1] === undefined ? [] : parseAll([match[1]]);
}

export function guessAround(serviceIp: string): readonly Cidr[] {
  const ip = parseIp(serviceIp);
  return ip === undefined ? [] : [cidrOf(ip, guessedPrefix[ip.family])];
}

async function provokeRefusal(
  kube: KubeClient,
  namespace: string,
  clusterIP: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    await kube.request({
      method: 'POST',
      path: `/api/v1/namespaces/${namespace}/services`,
      query: { dryRun: 'All' },
      ...(signal === undefined ? {} : { signal }),
      body: {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { generateName: 'service-range-' },
        spec: { clusterIP, ipFamilies: [clusterIP.includes(':') ? 'IPv6' : 'IPv4'], ports: [{ port: 443 }] },
      },
    });
    return undefined;
  } catch (error) {
    return error instanceof KubeStatusError ? error.message : undefined;
  }
}

function parseAll(texts: readonly string[]): Cidr[] {
  return texts.flatMap((text) => parseCidr(text) ?? []);
}
