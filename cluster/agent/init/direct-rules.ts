import type { AgentConfig } from '#protocol/agent/agent-config.ts';
import { heldSeconds, pathControl, pathControlSubnet } from '../ports/path-control.ts';
import { drainLimitMs, quietMs } from '../ports/relayed-connection.ts';
import { probeRules, redirectedPorts, redirectRule, redirectTable } from './redirect-rules.ts';

/** Ports that can be on at once; entries that have lapsed count until the kernel has swept. */
const maxPorts = 1_024;

/** Connections whose last word is kept. Beyond it one may be reset though something is under way on it; nothing else suffers. */
const maxConnections = 65_536;

/** Longer than a packet can be that has no data: 40 bytes of IPv6, and 60 of TCP with all its options. */
const maxBareLength = 100;

/**
 * The rules of a pod whose connections pass an idle agent by, as one nftables transaction that replaces those of an earlier run;
 * `undefined` where no port asks for it. In one table of both families, for one switch is for both.
 *
 * - `control`: datagrams of the agent's group switch a port on, for seconds, or off. They go no further.
 * - `prerouting`, `output`: the redirects of `redirectRules`, those of such ports while they are on.
 * - `arriving`, `leaving`: packets of connections that are the app's. `underway` has those that are not quiet: the caller has spoken last,
 *   or the app has within a moment. While a port is on, data of a caller on a quiet connection is answered by a reset, so that the app never
 *   sees it; on a port that is cut, any packet is. Probes, which are redirected to the app, and the agent's own connections are exempt.
 *
 * Every packet of the app meets them: what is cheap and rules out most comes first.
 */
export function directRules(config: AgentConfig): string | undefined {
  const redirected = redirectedPorts(config);
  const direct = redirected.filter(({ idlePath }) => idlePath === 'direct').map(({ containerPort }) => containerPort);
  if (direct.length === 0) return undefined;
  const group = config.agentGroupId;
  const numbers = [...new Set(direct)];
  const ports = numbers.length === 1 ? `${numbers[0]}` : `{ ${numbers.join(', ')} }`;
  const redirects = redirected.map((port) => redirectRule(port, port.idlePath === 'direct' ? ' tcp dport @active' : ''));
  const lapsing = (type: string, size: number) =>
    `{ type ${type}; size ${size}; flags dynamic,timeout; timeout ${heldSeconds}s; }`;
  const hasData = (chain: string) => `tcp flags & psh == psh goto ${chain}
    meta length > ${maxBareLength} goto ${chain}`;
  const caller = (family: 'ip' | 'ip6') => `${family} saddr . tcp sport . tcp dport`;
  const callee = (family: 'ip' | 'ip6') => `${family} daddr . tcp dport . tcp sport`;
  return `add table inet ${redirectTable}
delete table inet ${redirectTable}
table inet ${redirectTable} {
  set active ${lapsing('inet_service', maxPorts)}
  set cut ${lapsing('inet_service', maxPorts)}
  set underway4 ${lapsing('ipv4_addr . inet_service . inet_service', maxConnections)}
  set underway6 ${lapsing('ipv6_addr . inet_service . inet_service', maxConnections)}
  chain control {
    type filter hook output priority raw; policy accept;
    meta l4proto udp ip daddr ${pathControlSubnet} meta skgid ${group} goto switching
  }
  chain switching {
    ip daddr ${pathControl.open} udp dport ${ports} update @active { udp dport timeout ${heldSeconds}s }
    ip daddr ${pathControl.cut} udp dport ${ports} update @cut { udp dport timeout ${heldSeconds}s }
    ip daddr ${pathControl.close} udp dport ${ports} delete @active { udp dport }
    ip daddr ${pathControl.close} udp dport ${ports} delete @cut { udp dport }
    drop
  }
  chain prerouting {
    type nat hook prerouting priority -90; policy accept;
    ${[...probeRules(redirected), ...redirects].join('\n    ')}
  }
  chain output {
    type nat hook output priority -110; policy accept;
    meta skgid ${group} return
    ip daddr 127.0.0.0/8 return
    ip6 daddr ::1 return
    ${redirects.join('\n    ')}
  }
  chain arriving {
    type filter hook input priority filter; policy accept;
    tcp dport ${ports} iifname != "lo" goto straight
  }
  chain leaving {
    type filter hook output priority filter; policy accept;
    tcp sport ${ports} goto answering
    tcp dport ${ports} goto inside
  }
  chain inside {
    ip daddr 127.0.0.0/8 accept
    ip6 daddr ::1 accept
    meta skgid != ${group} fib daddr type local goto straight
  }
  chain straight {
    tcp dport @active goto judged
    ${hasData('asked')}
  }
  chain judged {
    ct direction reply accept
    ct status dnat accept
    ct state != established accept
    tcp dport @cut tcp flags & (fin | rst) == 0 reject with tcp reset
    ${hasData('doubted')}
  }
  chain doubted {
    ${caller('ip')} != @underway4 reject with tcp reset
    ${caller('ip6')} != @underway6 reject with tcp reset
    goto asked
  }
  chain asked {
    update @underway4 { ${caller('ip')} timeout ${drainLimitMs}ms } accept
    update @underway6 { ${caller('ip6')} timeout ${drainLimitMs}ms }
  }
  chain answering {
    ${hasData('answered')}
  }
  chain answered {
    update @underway4 { ${callee('ip')} timeout ${quietMs}ms } accept
    update @underway6 { ${callee('ip6')} timeout ${quietMs}ms }
  }
}
`;
}
