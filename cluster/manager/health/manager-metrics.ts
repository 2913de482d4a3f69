/** The counts that Prometheus may ask for. */
export interface ManagerCounts {
  readonly laptops: number;
  readonly agents: number;
  readonly tunnels: number;
  readonly activeIntercepts: number;
  /** Since the start. */
  readonly intercepts: number;
  readonly connects: number;
  readonly tunnelIngressBytes: bigint;
  readonly tunnelEgressBytes: bigint;
}

interface Metric {
  readonly name: string;
  readonly type: 'gauge' | 'counter';
  readonly help: string;
  readonly value: (counts: ManagerCounts) => number | bigint;
}

const metrics: readonly Metric[] = [
  { name: 'agent_count', type: 'gauge', help: 'Connected traffic-agents', value: ({ agents }) => agents },
  { name: 'client_count', type: 'gauge', help: 'Connected laptops', value: ({ laptops }) => laptops },
  {
    name: 'session_count',
    type: 'gauge',
    help: 'Sessions of laptops and traffic-agents',
    value: ({ laptops, agents }) => laptops + agents,
  },
  { name: 'active_intercept_count', type: 'gauge', help: 'Active intercepts', value: ({ activeIntercepts }) => activeIntercepts },
  { name: 'intercept_count', type: 'counter', help: 'Intercepts that were begun', value: ({ intercepts }) => intercepts },
  { name: 'tunnel_count', type: 'gauge', help: 'Open tunnels', value: ({ tunnels }) => tunnels },
  { name: 'tunnel_ingress_bytes', type: 'counter', help: 'Bytes from laptops', value: (counts) => counts.tunnelIngressBytes },
  { name: 'tunnel_egress_bytes', type: 'counter', help: 'Bytes to laptops', value: (counts) => counts.tunnelEgressBytes },
  { name: 'connect_count', type: 'counter', help: 'Arrivals of laptops', value: ({ connects }) => connects },
];

/** Prometheus' text format, version 0.0.4. */
export function formatMetrics(counts: ManagerCounts): string {
  return metrics
    .map(({ name, type, help, value }) => {
      const full = `telepresence_${name}`;
      return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${full} ${value(counts)}\n`;
    })
    .join('');
}
