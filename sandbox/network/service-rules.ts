/** Where calls of one port of a Service lead. */
export interface ServiceRoute {
  readonly clusterIp: string;
  readonly protocol: 'tcp' | 'udp';
  readonly port: number;
  readonly endpoints: readonly ServiceEndpoint[];
  /** `ClientIP`: calls of one caller lead to one endpoint. */
  readonly isSticky: boolean;
}

export interface ServiceEndpoint {
  readonly ip: string;
  readonly port: number;
}

const table = 'ip tpsb-services';

/**
 * nftables rules that translate service addresses, as one change of the whole table. Calls to a service address without rule are refused
 * where the address is a Service's, and lost otherwise, as in Kubernetes.
 */
export function serviceRules(routes: readonly ServiceRoute[], serviceCidr: string): string {
  const sorted = routes.toSorted((a, b) => routeKey(a).localeCompare(routeKey(b)));
  const served = sorted.filter(({ endpoints }) => endpoints.length > 0);
  const addresses = [...new Set(sorted.map(({ clusterIp }) => clusterIp))];
  const endpointIps = [...new Set(served.flatMap(({ endpoints }) => endpoints.map(({ ip }) => ip)))];
  return [
    // Declared first, so that there is one to delete.
    `table ${table} {}`,
    `delete table ${table}`,
    `table ${table} {`,
    ...(served.length === 0
      ? []
      : [
          '  map services {',
          '    type ipv4_addr . inet_proto . inet_service : verdict',
          `    elements = { ${served.map((route, index) => `${route.clusterIp} . ${route.protocol} . ${route.port} : goto service-${index}`).join(', ')} }`,
          '  }',
        ]),
    ...served.flatMap((route, index) => [`  chain service-${index} {`, `    ${translation(route)}`, '  }']),
    ...['prerouting', 'output'].flatMap((hook) => [
      `  chain ${hook}-translate {`,
      `    type nat hook ${hook} priority -100; policy accept;`,
      ...(served.length === 0 ? [] : ['    ip daddr . meta l4proto . th dport vmap @services']),
      '  }',
    ]),
    ...['forward', 'output'].flatMap((hook) => [
      `  chain ${hook}-refuse {`,
      `    type filter hook ${hook} priority 0; policy accept;`,
      `    ip daddr ${serviceCidr} jump refuse`,
      '  }',
    ]),
    '  chain refuse {',
    ...(addresses.length === 0
      ? []
      : [
          `    ip daddr { ${addresses.join(', ')} } meta l4proto tcp reject with tcp reset`,
          `    ip daddr { ${addresses.join(', ')} } reject`,
        ]),
    '    drop',
    '  }',
    // A pod that reaches itself by a Service would otherwise get its own packets from an address of its own.
    '  chain postrouting {',
    '    type nat hook postrouting priority 100; policy accept;',
    ...(endpointIps.length === 0
      ? []
      : [`    ip saddr . ip daddr { ${endpointIps.map((ip) => `${ip} . ${ip}`).join(', ')} } masquerade`]),
    '  }',
    '}',
    '',
  ].join('\n');
}

function translation({ endpoints, isSticky }: ServiceRoute): string {
  const entries = endpoints.map(({ ip, port }, index) => `${index} : ${ip} . ${port}`).join(', ');
  const choice = isSticky ? 'jhash ip saddr' : 'numgen random';
  return `meta l4proto { tcp, udp } dnat ip to ${choice} mod ${endpoints.length} map { ${entries} }`;
}

function routeKey({ clusterIp, protocol, port }: ServiceRoute): string {
  return `${clusterIp} ${protocol} ${String(port).padStart(5, '0')}`;
}
