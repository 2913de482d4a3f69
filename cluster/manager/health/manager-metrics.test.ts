import { expect, it } from 'vitest';
import { formatMetrics } from './manager-metrics.ts';

it('are written as Prometheus reads them', () => {
  const text = formatMetrics({
    laptops: 2,
    agents: 3,
    tunnels: 4,
    activeIntercepts: 1,
    intercepts: 9,
    connects: 5,
    tunnelIngressBytes: 2n ** 60n,
    tunnelEgressBytes: 7n,
  });
  expect(text).toContain('# TYPE telepresence_session_count gauge\ntelepresence_session_count 5\n');
  expect(text).toContain(
    '# TYPE telepresence_tunnel_ingress_bytes counter\ntelepresence_tunnel_ingress_bytes 1152921504606846976\n',
  );
  expect(text).toContain('telepresence_active_intercept_count 1\n');
  expect(text).toContain('telepresence_intercept_count 9\n');
  expect(text.endsWith('\n')).toBe(true);
});
