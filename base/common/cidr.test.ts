import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Cidr,
  containsCidr,
  containsIp,
  coveringCidr,
  formatCidr,
  mergeCidrs,
  overlaps,
  parseCidr,
  subtractCidr,
} from './cidr.ts';
import { formatIp, type IpAddress, ipFromBytes, ipToBytes, parseIp } from './ip.ts';

const ipv4 = fc.nat({ max: 0xffff_ffff }).map((value): IpAddress => ({ family: 4, value: BigInt(value) }));
const ipv6 = fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }).map((value): IpAddress => ({ family: 6, value }));
const small = fc
  .tuple(fc.nat({ max: 255 }), fc.integer({ min: 24, max: 32 }))
  .map(([last, prefix]) => parseCidr(`10.0.0.${last}/${prefix}`))
  .filter((cidr) => cidr !== undefined);
const everyAddress = Array.from({ length: 256 }, (_, last): IpAddress => ({ family: 4, value: (10n << 24n) | BigInt(last) }));
const members = (list: readonly Cidr[]) => everyAddress.filter((ip) => list.some((cidr) => containsIp(cidr, ip))).map(formatIp);

describe('addresses', () => {
  it('are the same after text and bytes', () => {
    fc.assert(
      fc.property(fc.oneof(ipv4, ipv6), (ip) => {
        expect(parseIp(formatIp(ip))).toEqual(ip);
        if (ip.family === 4 || ip.value >> 32n !== 0xffffn) expect(ipFromBytes(ipToBytes(ip))).toEqual(ip);
      }),
    );
  });

  it.each([
    ['::', '::'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::ffff:1.2.3.4', '::ffff:102:304'],
    ['fe80:0:0:0:0:0:0:1', 'fe80::1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
  ])('write %s as %s', (text, canonical) => {
    const ip = parseIp(text);
    expect(ip === undefined ? undefined : formatIp(ip)).toBe(canonical);
  });

  it.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':::',
    '1:2:3:4:5:6:7:8:9',
    '::1::',
    'fe80::1%eth0',
    'g::',
    '12345::',
    '1.2.3.4::',
  ])('refuse "%s"', (text) => expect(parseIp(text)).toBeUndefined());
});

describe('subnets', () => {
  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/8/8', 'x/8', '::/129'])('refuse "%s"', (text) =>
    expect(parseCidr(text)).toBeUndefined(),
  );

  it('clear host bits and take a bare address', () => {
    expect(['10.1.2.3/8', '10.1.2.3', 'fd00::1/64'].map((text) => formatCidr(parseCidr(text) ?? everySubnet))).toEqual([
      '10.0.0.0/8',
      '10.1.2.3/32',
      'fd00::/64',
    ]);
  });

  it('subtract exactly the hole', () => {
    fc.assert(
      fc.property(small, small, (cidr, hole) => {
        const rest = subtractCidr(cidr, hole);
        const expected = members([cidr]).filter((text) => !members([hole]).includes(text));
        expect(members(rest)).toEqual(expected);
        expect(rest.some((part) => overlaps(part, hole))).toBe(false);
      }),
    );
  });

  it('merge to the same addresses without overlap', () => {
    fc.assert(
      fc.property(fc.array(small, { maxLength: 12 }), (list) => {
        const merged = mergeCidrs(list);
        expect(members(merged)).toEqual(members(list));
        for (const [index, a] of merged.entries()) for (const b of merged.slice(index + 1)) expect(overlaps(a, b)).toBe(false);
      }),
    );
  });

  it('cover all given addresses and no more than needed', () => {
    fc.assert(
      fc.property(fc.array(ipv4, { minLength: 1, maxLength: 8 }), (ips) => {
        const cover = coveringCidr(ips);
        expect(cover !== undefined && ips.every((ip) => containsIp(cover, ip))).toBe(true);
      }),
    );
    expect(coveringCidr([])).toBeUndefined();
    expect(containsCidr(everySubnet, parseCidr('10.0.0.0/8') ?? everySubnet)).toBe(true);
  });
});

const everySubnet: Cidr = { family: 4, value: 0n, prefix: 0 };
