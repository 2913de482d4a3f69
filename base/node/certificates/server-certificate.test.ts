import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { integer, oid, time } from './der.ts';
import { makeServerCertificate } from './server-certificate.ts';

const day = 86_400_000;
const names = ['agent-injector.ambassador.svc', 'agent-injector.ambassador.svc.cluster.local'];

const make = (validForMs: number, now = Date.now()) =>
  makeServerCertificate({ issuer: 'Test', dnsNames: names, ipAddresses: [{ family: 4, value: 0x7f000001n }], validForMs, now });

function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

describe('DER values', () => {
  it('are the bytes of the standard', () => {
    expect(oid('1.2.840.10045.4.3.2').toString('hex')).toBe('06082a8648ce3d040302');
    expect(integer(Buffer.from([0, 0, 0x80])).toString('hex')).toBe('02020080');
    expect(integer(Buffer.from([0])).toString('hex')).toBe('020100');
    expect(time(new Date('2026-01-02T03:04:05.678Z')).toString('latin1').slice(2)).toBe('260102030405Z');
    expect(time(new Date('2051-01-02T03:04:05Z')).toString('latin1').slice(2)).toBe('20510102030405Z');
  });
});

describe('a server certificate', () => {
  it('is by its authority, for its names, within its time', () => {
    const { ca, certificate, key } = make(365 * day);
    const issued = new X509Certificate(certificate);
    const authority = new X509Certificate(ca);
    expect(issued.verify(authority.publicKey)).toBe(true);
    expect(issued.checkIssued(authority)).toBe(true);
    expect(authority.ca).toBe(true);
    expect(issued.ca).toBe(false);
    expect(names.map((name) => issued.checkHost(name))).toEqual(names);
    expect(issued.checkHost('agent-injector.other.svc')).toBeUndefined();
    expect(issued.checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(issued.checkIP('127.0.0.2')).toBeUndefined();
    expect(Math.round((Date.parse(issued.validTo) - Date.now()) / day)).toBe(365);
    expect(Date.parse(issued.validFrom)).toBeLessThan(Date.now());
    expect(key).toContain('BEGIN PRIVATE KEY');
  });

  describe.skipIf(!hasOpenssl())('(where openssl is installed)', () => {
    let directory = '';
    beforeEach(() => {
      directory = mkdtempSync(join(tmpdir(), 'injector-certificate-'));
    });
    afterEach(() => rmSync(directory, { recursive: true }));

    const verify = (host: string, made: { ca: string; certificate: string }) => {
      writeFileSync(join(directory, 'ca.pem'), made.ca);
      writeFileSync(join(directory, 'server.pem'), made.certificate);
      const options = ['-x509_strict', '-purpose', 'sslserver', '-verify_hostname', host, '-CAfile', join(directory, 'ca.pem')];
      return execFileSync('openssl', ['verify', ...options, join(directory, 'server.pem')], { encoding: 'utf8', stdio: 'pipe' });
    };

    it('is accepted by openssl in its strict mode', () => {
      expect(verify(names[0] ?? '', make(365 * day))).toContain('OK');
      expect(verify(names[1] ?? '', make(100 * 365 * day))).toContain('OK');
    });

    it('is refused for other names, another authority, and after its time', () => {
      const made = make(day);
      expect(() => verify('elsewhere.svc', made)).toThrow(/hostname mismatch/i);
      expect(() => verify(names[0] ?? '', { ...made, ca: make(day).ca })).toThrow();
      const old = make(day, Date.now() - 2 * day);
      expect(() => verify(names[0] ?? '', old)).toThrow(/expired/);
    });
  });
});
