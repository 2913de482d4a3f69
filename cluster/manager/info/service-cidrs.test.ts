import { describe, expect, it } from 'vitest';
import { formatCidr } from '#base/common/cidr.ts';
import { FakeApiServer } from '#net/kube/fake-api-server.ts';
import { cidrsOf, guessAround, guessServiceCidrs, rangesInRefusal } from './service-cidrs.ts';

const services = '/api/v1/namespaces/ambassador/services';

describe('service subnets', () => {
  it('of an object, both families', () => {
    expect(cidrsOf({ spec: { cidrs: ['10.96.0.0/16', 'fd00:10::/108'] } })).toEqual(['10.96.0.0/16', 'fd00:10::/108']);
    expect(cidrsOf({})).toEqual([]);
  });

  it.each([
    [
      'Service "x" is invalid: spec.clusterIPs: Invalid value: []string{"1.1.1.1"}: failed to allocate IP 1.1.1.1: the provided IP (1.1.1.1) is not in the valid range. The range of valid IPs is 10.96.0.0/12',
      ['10.96.0.0/12'],
    ],
    ['the provided IP is not in the valid range. The range of valid IPs is fd00:10:96::/112', ['fd00:10:96::/112']],
    ['services is forbidden: User cannot create resource', []],
  ])('in the refusal %j', (message, expected) => {
    expect(rangesInRefusal(message).map(formatCidr)).toEqual(expected);
  });

  it.each([
    ['10.43.0.1', ['10.43.0.0/16']],
    ['fd00:10:96::1', ['fd00:10:96::/108']],
    ['', []],
  ])('guessed around %j', (ip, expected) => {
    expect(guessAround(ip).map(formatCidr)).toEqual(expected);
  });

  it('are asked for with a dry run, which leaves nothing behind, and guessed where that is forbidden', async () => {
    const api = new FakeApiServer();
    const kube = await api.start();
    try {
      api.refuse(services, 422, 'The range of valid IPs is 10.96.0.0/12');
      expect((await guessServiceCidrs(kube, 'ambassador', '10.96.0.1')).map(formatCidr)).toContain('10.96.0.0/12');
      expect(api.requests.every(({ query }) => query['dryRun'] === 'All')).toBe(true);
      api.refuse(services, 403);
      expect((await guessServiceCidrs(kube, 'ambassador', '10.43.0.1')).map(formatCidr)).toEqual(['10.43.0.0/16']);
    } finally {
      kube.close();
      await api.stop();
    }
  });
});
