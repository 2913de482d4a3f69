import { describe, expect, it } from 'vitest';
import { serviceRules } from './service-rules.ts';

const cidr = '10.96.0.0/16';

describe('rules of service addresses', () => {
  it('lead calls of each port to one of its endpoints', () => {
    const rules = serviceRules(
      [
        {
          clusterIp: '10.96.0.7',
          protocol: 'udp',
          port: 53,
          endpoints: [
            { ip: '10.244.0.2', port: 5353 },
            { ip: '10.244.0.3', port: 5353 },
          ],
          isSticky: false,
        },
      ],
      cidr,
    );
    expect(rules).toContain('10.96.0.7 . udp . 53 : goto service-0');
    expect(rules).toContain('dnat ip to numgen random mod 2 map { 0 : 10.244.0.2 . 5353, 1 : 10.244.0.3 . 5353 }');
    expect(rules).toContain('{ 10.244.0.2 . 10.244.0.2, 10.244.0.3 . 10.244.0.3 } masquerade');
  });

  it('lead a caller to the same endpoint where the Service wants that', () => {
    const route = {
      clusterIp: '10.96.0.7',
      protocol: 'tcp' as const,
      port: 80,
      endpoints: [{ ip: '10.244.0.2', port: 80 }],
      isSticky: true,
    };
    expect(serviceRules([route], cidr)).toContain('jhash ip saddr mod 1');
  });

  it('refuse calls where there is no endpoint', () => {
    const rules = serviceRules([{ clusterIp: '10.96.0.8', protocol: 'tcp', port: 80, endpoints: [], isSticky: false }], cidr);
    expect(rules).not.toContain('vmap');
    expect(rules).toContain('ip daddr { 10.96.0.8 } meta l4proto tcp reject with tcp reset');
  });

  it('are the same whatever the order of Services', () => {
    const route = (clusterIp: string) => ({ clusterIp, protocol: 'tcp' as const, port: 80, endpoints: [], isSticky: false });
    const [a, b] = [route('10.96.0.8'), route('10.96.0.9')];
    expect(serviceRules([a, b], cidr)).toBe(serviceRules([b, a], cidr));
  });
});
