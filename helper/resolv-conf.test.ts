import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formerContent, hookingInstance, parseResolvConf, renderHookedResolvConf } from './resolv-conf.ts';

const instance = '0123456789ab';

describe('resolv.conf', () => {
  it('reads servers and search path past comments, blanks and unknown lines', () => {
    const text = [
      '# nameserver 192.0.2.1',
      '; nameserver 192.0.2.2',
      '\tnameserver\t192.0.2.3   # the router',
      'nameserver 2001:db8::1 ; second',
      'nameserver fe80::1%eth0',
      'nameserver 192.0.2.3',
      'nameserver not-an-address',
      'nameserver',
      'nameserverx 192.0.2.4',
      'domain old.example',
      'search Corp.example. lan # and more',
      'options ndots:2',
      '',
    ].join('\r\n');
    expect(parseResolvConf(text)).toEqual({
      nameservers: ['192.0.2.3', '2001:db8::1', 'fe80::1%eth0'],
      search: ['corp.example', 'lan'],
    });
  });

  it('takes the last of search and domain', () => {
    expect(parseResolvConf('search a.example b.example\ndomain c.example\n').search).toEqual(['c.example']);
    expect(parseResolvConf('domain c.example\nsearch .\n').search).toEqual([]);
  });

  it('falls back to the resolver library’s own default server', () => {
    expect(parseResolvConf('').nameservers).toEqual(['127.0.0.1']);
  });

  it('sends everything to our server, keeping search path and options', () => {
    const original = 'nameserver 192.0.2.1\nsearch corp.example\noptions ndots:2 edns0\n# note\n';
    const hooked = renderHookedResolvConf(instance, '198.18.0.1', original);
    expect(parseResolvConf(hooked)).toEqual({ nameservers: ['198.18.0.1'], search: ['corp.example'] });
    expect(hooked).toContain('\noptions ndots:2 edns0\n');
    expect(hookingInstance(hooked)).toBe(instance);
    expect(hookingInstance(original)).toBeUndefined();
  });

  it('carries any former content so that it comes back byte for byte', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (original) => {
        expect(formerContent(renderHookedResolvConf(instance, '198.18.0.1', original))).toBe(original);
      }),
    );
    expect(formerContent(renderHookedResolvConf(instance, '198.18.0.1', undefined))).toBeUndefined();
  });
});
