import { readFileSync } from 'node:fs';
import { parseIp } from '#base/common/ip.ts';
import { type DnsHookRequest, type FormerDns, HookUnsuitable } from './dns-hook-request.ts';
import type { Laptop } from './laptop.ts';
import { hookingInstance, parseResolvConf, withoutZone } from './resolv-conf.ts';
import { CommandError } from './run-command.ts';

/** The kernel takes address translation after connection tracking (-200) only. */
const maxPriorityStep = 80;

/**
 * Redirects port 53 traffic of this laptop for the servers in resolv.conf to the interface's DNS sockets.
 *
 * A loopback server (127.0.0.53 of systemd-resolved, a dnsmasq on 127.0.0.1) is redirected like any other: the packets keep
 * their 127.0.0.1 source and never leave the loopback device. An IPv6 server cannot be redirected to an IPv4 address, so it is
 * refused at once, which makes resolver libraries go on to an IPv4 server of the list; without one the mode is unsuitable.
 */
export async function hookNftables(laptop: Laptop, request: DnsHookRequest): Promise<FormerDns> {
  const text = readResolvConf(laptop.files.resolvConf);
  const holder = hookingInstance(text);
  if (holder !== undefined) throw new HookUnsuitable(`resolv.conf is hooked by instance ${holder}`);
  const { nameservers, search } = parseResolvConf(text);
  const formerServers = nameservers.filter((server) => server !== request.address);
  const script = nftablesScript(laptop.instance, request, formerServers);
  if (script === undefined) throw new HookUnsuitable('resolv.conf names IPv6 servers only');
  laptop.journal.record({ kind: 'nftables', interface: request.interface });
  await laptop.commands.run('nft', ['-f', '-'], script);
  return { formerServers, search };
}

/**
 * The rules as one transaction that replaces the table, whoever left it: the interface of that name is ours.
 *
 * Priority -110 comes before the usual destination NAT (-100): where that holds rules for port 53 too, as in a container with an
 * embedded resolver, ours win for everybody's queries, and theirs get the exempt ones. Of two interfaces the one with the higher number,
 * ordinarily the newer, comes first, whenever each was hooked: its connection passes on what is the other's.
 *
 * @returns `undefined` where no server can be redirected.
 */
export function nftablesScript(instance: string, request: DnsHookRequest, servers: readonly string[]): string | undefined {
  const ofFamily = (family: 4 | 6) => servers.map(withoutZone).filter((server) => parseIp(server)?.family === family);
  const [ipv4, ipv6] = [ofFamily(4), ofFamily(6)];
  if (ipv4.length === 0) return undefined;
  const table = `inet ${tableName(request.interface)}`;
  const exempt = `th sport ${request.exemptPorts.first}-${request.exemptPorts.last}`;
  const dns = 'meta l4proto { tcp, udp } th dport 53';
  const refusal =
    ipv6.length === 0
      ? ''
      : `
  chain refuse {
    type filter hook output priority 0; policy accept;
    meta l4proto { tcp, udp } ${exempt} accept
    ip6 daddr { ${ipv6.join(', ')} } tcp dport 53 reject with tcp reset
    ip6 daddr { ${ipv6.join(', ')} } udp dport 53 reject with icmpv6 port-unreachable
  }`;
  return `add table ${table}
delete table ${table}
table ${table} {
  chain ${ownerChain(instance)} {
  }
  chain output {
    type nat hook output priority ${-110 - Math.min(interfaceNumber(request.interface), maxPriorityStep)}; policy accept;
    meta l4proto { tcp, udp } ${exempt} accept
    ip daddr { ${ipv4.join(', ')} } ${dns} dnat ip to ${request.address}:53
  }${refusal}
}
`;
}

/** Removes the table if this instance made it: the name may by now belong to another instance's interface. */
export async function undoNftables(laptop: Laptop, interfaceName: string): Promise<void> {
  const table = ['inet', tableName(interfaceName)];
  try {
    await laptop.commands.run('nft', ['list', 'chain', ...table, ownerChain(laptop.instance)]);
  } catch (error) {
    if (error instanceof CommandError && (error.isMissing || error.output.includes('No such file'))) return;
    throw error;
  }
  await laptop.commands.run('nft', ['delete', 'table', ...table]);
}

function interfaceNumber(name: string): number {
  return Number(name.replace(/\D/g, ''));
}

function tableName(interfaceName: string): string {
  return `telepresence_${interfaceName}`;
}

/** An empty chain that says whose table it is; older kernels have no table comments. */
function ownerChain(instance: string): string {
  return `instance_${instance}`;
}

function readResolvConf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
