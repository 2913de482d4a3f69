import { readdir, readFile } from 'node:fs/promises';
import { type Cidr, containsIp, formatCidr, overlaps, parseCidr } from '#base/common/cidr.ts';
import { parseIp } from '#base/common/ip.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { interfaceNamePattern } from '#protocol/helper/helper-api.ts';
import { type HostRoute, readHostRoutes } from '../routing/host-routes.ts';
import type { DoctorContext } from './doctor-context.ts';
import { type Finding, failedBy, notApplicable, passed, warned } from './finding.ts';

interface NodeList {
  readonly items?: readonly { readonly spec?: { readonly podCIDRs?: readonly string[] } }[];
}

interface ServiceCidrList {
  readonly items?: readonly { readonly spec?: { readonly cidrs?: readonly string[] } }[];
}

const overlapRemedies = [
  { label: 'Reach the cluster through virtual addresses', command: 'telepresence connect --vnat all' },
  { label: 'Or give the cluster precedence, with --allow-conflicting-subnets' },
];

/** Whether the laptop has routes of its own to addresses of the cluster. */
export async function checkRoutes({ connection, cluster }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  if (process.platform !== 'linux') return notApplicable("This system's routes cannot be read yet");
  const routes = (await readHostRoutes()).filter(({ cidr, interfaceName }) => cidr.prefix > 1 && !isOurs(interfaceName));
  let subnets: readonly Cidr[];
  try {
    subnets =
      connection?.routing === undefined
        ? await cluster.ask((client) => clusterSubnets(client, signal), signal)
        : connectedSubnets(connection.routing);
  } catch (error) {
    signal.throwIfAborted();
    return notApplicable(`The subnets of the cluster are not known: ${failedBy(error).reason}`);
  }
  if (subnets.length === 0) return notApplicable('The subnets of the cluster are not known to you before a connect');
  const conflicts = routes.flatMap((route) => {
    const subnet = subnets.find((candidate) => overlaps(candidate, route.cidr));
    return subnet === undefined ? [] : [{ route, subnet }];
  });
  const virtual = connection?.routing?.virtual ?? [];
  const open = conflicts.filter(({ subnet }) => !virtual.some((moved) => moved.subnet === formatCidr(subnet)));
  if (open.length > 0) return warned(open.map(conflictText).join('; '), overlapRemedies);
  const names = subnets.map(formatCidr).join(', ');
  if (conflicts.length > 0) return passed(`${conflicts.map(conflictText).join('; ')}, which virtual addresses stand for`);
  return passed(`No route of this computer touches ${names}`);
}

function conflictText({ route, subnet }: { readonly route: HostRoute; readonly subnet: Cidr }): string {
  return `${formatCidr(route.cidr)} by ${route.interfaceName} overlaps the cluster's ${formatCidr(subnet)}`;
}

function connectedSubnets({
  serviceSubnet,
  podSubnets,
}: {
  serviceSubnet?: string | undefined;
  podSubnets: readonly string[];
}): Cidr[] {
  return [...(serviceSubnet === undefined ? [] : [serviceSubnet]), ...podSubnets].flatMap((text) => parseCidr(text) ?? []);
}

/** As far as this user may read them. */
async function clusterSubnets(client: KubeClient, signal: AbortSignal): Promise<Cidr[]> {
  const list = async <T>(path: string): Promise<T | undefined> => {
    try {
      return await client.request<T>({ method: 'GET', path, signal });
    } catch (error) {
      if (error instanceof KubeStatusError && [403, 404].includes(error.status)) return undefined;
      throw error;
    }
  };
  const [nodes, services] = await Promise.all([
    list<NodeList>('/api/v1/nodes'),
    list<ServiceCidrList>('/apis/networking.k8s.io/v1/servicecidrs'),
  ]);
  const texts = [
    ...(nodes?.items ?? []).flatMap(({ spec }) => spec?.podCIDRs ?? []),
    ...(services?.items ?? []).flatMap(({ spec }) => spec?.cidrs ?? []),
  ];
  return [...new Set(texts)].flatMap((text) => parseCidr(text) ?? []);
}

/** Virtual interfaces of other programs, which may want the same routes and the same names. */
export async function checkVpn({ cluster }: DoctorContext): Promise<Finding> {
  if (process.platform !== 'linux') return notApplicable("This system's interfaces cannot be told apart yet");
  const names = await virtualInterfaces();
  if (names.length === 0) return passed('No VPN is up');
  const routes = (await readHostRoutes()).filter(({ interfaceName }) => names.includes(interfaceName));
  const all = routes.filter(({ cidr }) => cidr.prefix <= 1);
  const listed = names.join(', ');
  if (all.length > 0) {
    return warned(`${listed}: takes all traffic, and may take names and routes away from the connection`, [
      { label: 'Connect the VPN first and this one after it' },
      { label: 'Should names not resolve, switch off the DNS protection of the VPN client' },
    ]);
  }
  const server = await cluster.target().then(
    (target) => parseIp(target.server.hostname.replace(/^\[|\]$/g, '')),
    () => undefined,
  );
  const isWay = server !== undefined && routes.some(({ cidr }) => cidr.family === server.family && containsIp(cidr, server));
  return passed(`${listed}: ${isWay ? 'leads to the API server, and has to stay up' : 'is up, with routes of its own only'}`);
}

/** TUN devices (they have flags), WireGuard and PPP (they have a type); never ours. */
async function virtualInterfaces(): Promise<string[]> {
  const names = await readdir('/sys/class/net').catch(() => []);
  const found = await Promise.all(
    names.map(async (name) => {
      if (isOurs(name)) return [];
      const isTun = await readFile(`/sys/class/net/${name}/tun_flags`, 'utf8').then(
        // IFF_TUN of linux/if_tun.h: TAP devices belong to virtual machines, mostly.
        (flags) => (Number.parseInt(flags, 16) & 0x1) !== 0,
        () => false,
      );
      const event = await readFile(`/sys/class/net/${name}/uevent`, 'utf8').catch(() => '');
      const isUp = (await readFile(`/sys/class/net/${name}/flags`, 'utf8').then(Number, () => 0)) & 0x1;
      return isUp !== 0 && (isTun || /^DEVTYPE=(wireguard|ppp)$/m.test(event)) ? [name] : [];
    }),
  );
  return found.flat();
}

function isOurs(name: string): boolean {
  return interfaceNamePattern.test(name);
}

/** Variables that send programs to a proxy, which does not know the cluster's names. */
export async function checkProxy({ env, callerEnv, cluster, connection }: DoctorContext): Promise<Finding> {
  const found = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY'].flatMap((name) => {
    const value = variable(callerEnv, name) ?? variable(env, name);
    return value === undefined ? [] : [name];
  });
  if (found.length === 0) return passed('No proxy is set in the environment');
  const exceptions = (variable(callerEnv, 'NO_PROXY') ?? variable(env, 'NO_PROXY') ?? '').split(',').map((text) => text.trim());
  const domain = connection?.dns?.clusterDomain.replace(/\.$/, '') ?? 'cluster.local';
  const has = (suffix: string) => exceptions.some((text) => text === '*' || text.replace(/^\*?\./, '') === suffix);
  const missing = ['svc', domain].filter((suffix) => !has(suffix));
  const names = found.join(' and ');
  const server = await cluster.target().then(
    (target) => target.server.hostname,
    () => undefined,
  );
  const direct =
    server === undefined ? '' : `; Telepresence itself reaches ${server} directly, unless the kubeconfig has a proxy-url`;
  if (missing.length === 0) return passed(`${names}: the cluster's names are excepted${direct}`);
  const wanted = missing.map((suffix) => `.${suffix}`).join(',');
  return warned(`Programs that heed ${names} will send requests for names of the cluster to the proxy${direct}`, [
    { label: 'Except them', command: `export NO_PROXY="\${NO_PROXY:+$NO_PROXY,}${wanted}"` },
  ]);
}

function variable(env: DoctorContext['env'], name: string): string | undefined {
  const value = env[name] ?? env[name.toLowerCase()];
  return value === '' ? undefined : value;
}
