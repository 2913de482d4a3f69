import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Cidr, parseCidr } from '#base/common/cidr.ts';
import { formatIp, type IpAddress, parseIp } from '#base/common/ip.ts';
import { isWithin, labelsBefore, normalizeName, parseReverseName, reverseName, reverseZones } from './names.ts';

const address = fc.oneof(
  fc.bigInt(0n, 2n ** 32n - 1n).map((value): IpAddress => ({ family: 4, value })),
  fc.bigInt(0n, 2n ** 128n - 1n).map((value): IpAddress => ({ family: 6, value })),
);

describe('names', () => {
  it('compares without case and final dot', () => {
    expect(normalizeName('Web.Default.SVC.')).toBe('web.default.svc');
    expect(normalizeName('.com')).toBe('com');
  });

  it('tells a subdomain from a name that merely ends alike', () => {
    expect(isWithin('web.corp', 'corp')).toBe(true);
    expect(isWithin('webcorp', 'corp')).toBe(false);
    expect(labelsBefore('a.b.corp', 'corp')).toBe('a.b');
    expect(labelsBefore('corp', 'corp')).toBeUndefined();
  });

  it('reads every reverse name that it writes', () => {
    fc.assert(
      fc.property(address, (ip) => {
        expect(parseReverseName(reverseName(ip))).toEqual(ip);
      }),
    );
    expect(reverseName(parseIp('10.96.0.1') as IpAddress)).toBe('1.0.96.10.in-addr.arpa');
    expect(parseReverseName('0.96.10.in-addr.arpa')).toBeUndefined();
    expect(formatIp(parseReverseName(reverseName(parseIp('fd00::1') as IpAddress)) as IpAddress)).toBe('fd00::1');
  });

  it('widens reverse zones to the label boundary', () => {
    const subnets = ['10.96.0.0/12', '10.244.0.0/16', '192.168.7.0/24', 'fd00:10::/64'].map((text) => parseCidr(text) as Cidr);
    expect(reverseZones(subnets)).toEqual([
      '10.in-addr.arpa',
      '244.10.in-addr.arpa',
      '7.168.192.in-addr.arpa',
      '0.0.0.0.0.0.0.0.0.1.0.0.0.0.d.f.ip6.arpa',
    ]);
  });
});
