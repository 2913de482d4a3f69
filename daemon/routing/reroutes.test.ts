import { describe, expect, it } from 'vitest';
import { parseLocalReroute, parseRemoteReroute } from './reroutes.ts';

describe('reroute flags', () => {
  it('take numbers, names and protocols', () => {
    expect(parseRemoteReroute('db.prod:5432:15432')).toEqual({ host: 'db.prod', port: 5432, newPort: 15_432, protocol: 'tcp' });
    expect(parseRemoteReroute('dns:domain:5353/UDP')).toEqual({ host: 'dns', port: 'domain', newPort: 5353, protocol: 'udp' });
    expect(parseLocalReroute('8080:web:http')).toEqual({ localPort: 8080, host: 'web', port: 'http', protocol: 'tcp' });
  });

  it.each(['', 'host', 'host:1', 'host:0:1', 'host:1:65536', 'host:1:name', ':1:2', 'a:b:c:d', 'host:UPPER:1'])(
    'refuse "%s"',
    (text) => {
      expect(() => parseRemoteReroute(text)).toThrow('--reroute-remote');
    },
  );

  it('say which form a local one has', () => {
    expect(() => parseLocalReroute('http:web:80')).toThrow(
      expect.objectContaining({ code: 'usage', reason: 'It takes lport:host:port[/tcp|udp]' }),
    );
  });
});
