import { describe, expect, it } from 'vitest';
import type { AgentContainer } from '#protocol/agent/agent-config.ts';
import { describeRoute, resolvePort } from './resolve-port.ts';

const service = (name: string, portName: string, port: number) => ({ name, uid: name, portName, port });

function container(name: string, ports: AgentContainer['ports']): AgentContainer {
  return { name, mountPoint: `/tel_app_mounts/${name}`, envPrefix: '_TEL_APP_A_', mounts: [], ports };
}

const web = container('web', [
  {
    containerPort: 8080,
    agentPort: 9900,
    protocol: 'TCP',
    name: 'http',
    services: [service('shop', 'main', 80), service('shop-too', '', 8000)],
    mode: 'named',
  },
  { containerPort: 9090, agentPort: 9901, protocol: 'TCP', services: [service('shop', 'metrics', 90)], mode: 'redirect' },
  { containerPort: 9090, agentPort: 9901, protocol: 'UDP', services: [service('shop', 'statsd', 90)], mode: 'redirect' },
]);
const side = container('side', [{ containerPort: 7000, agentPort: 9902, protocol: 'TCP', services: [], mode: 'redirect' }]);

function ask(identifier: string, more: { service?: string; container?: string } = {}, containers = [web, side]): string {
  const answer = resolvePort({ containers }, { identifier, ...more });
  return answer.kind === 'found'
    ? `${answer.route.port.containerPort}/${answer.route.port.protocol} ${answer.route.service?.name ?? '-'}`
    : `${answer.kind} ${answer.candidates.length}`;
}

describe('the port that somebody means', () => {
  it.each([
    ['main', '8080/TCP shop'],
    ['80', '8080/TCP shop'],
    ['http', '8080/TCP shop'],
    ['8080', '8080/TCP shop'],
    ['8000', '8080/TCP shop-too'],
    ['90', '9090/TCP shop'],
    ['90/UDP', '9090/UDP shop'],
    ['90/udp', '9090/UDP shop'],
    ['statsd', '9090/UDP shop'],
    ['7000', '7000/TCP -'],
    ['', 'ambiguous 4'],
    ['nothing', 'unknown 5'],
    ['80/UDP', 'unknown 5'],
  ])('by "%s" is %s', (identifier, expected) => {
    expect(ask(identifier)).toBe(expected);
  });

  it('is among those of a Service or a container', () => {
    expect(ask('', { service: 'shop-too' })).toBe('8080/TCP shop-too');
    expect(ask('', { container: 'side' })).toBe('7000/TCP -');
    expect(ask('80', { container: 'side' })).toBe('unknown 5');
    expect(ask('', {}, [side])).toBe('7000/TCP -');
    expect(ask('', {}, [])).toBe('unknown 0');
  });

  it('can be told apart by a person', () => {
    const answer = resolvePort({ containers: [web, side] }, { identifier: '' });
    expect(answer.kind === 'found' ? [] : answer.candidates.map(describeRoute)).toEqual([
      'service shop port main (80) → 8080/TCP of container web',
      'service shop-too port 8000 → 8080/TCP of container web',
      'service shop port metrics (90) → 9090/TCP of container web',
      '7000/TCP of container side',
    ]);
  });
});
