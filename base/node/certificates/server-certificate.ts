import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { type IpAddress, ipToBytes } from '#base/common/ip.ts';
import { bitString, boolean, integer, octetString, oid, sequence, set, tagged, time, utf8String } from './der.ts';

/** All as PEM. The authority's certificate is the one to trust; its key is gone. */
export interface ServerCertificate {
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
}

interface Subject {
  readonly name: string;
  readonly publicKey: KeyObject;
}

const ids = {
  commonName: '2.5.4.3',
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
} as const;

/** Clocks of a cluster's machines differ. */
const backdateMs = 3_600_000;

export interface ServerCertificateOptions {
  /** Common name of the authority. */
  readonly issuer: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses?: readonly IpAddress[];
  readonly validForMs: number;
  /** Default: the time it is. */
  readonly now?: number;
}

/**
 * A certificate authority and one certificate by it for a server with these names, valid from an hour ago. Nothing else can ever be
 * signed: the authority's key is not kept.
 */
export function makeServerCertificate(options: ServerCertificateOptions): ServerCertificate {
  const { dnsNames, ipAddresses = [], validForMs, now = Date.now() } = options;
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuer = { name: options.issuer, publicKey: authority.publicKey };
  const validity = sequence(time(new Date(now - backdateMs)), time(new Date(now + validForMs)));
  const authorityExtensions = [
    extension(ids.basicConstraints, true, sequence(boolean(true))),
    // keyCertSign is bit 5 (RFC 5280, 4.2.1.3).
    extension(ids.keyUsage, true, bitString(Buffer.from([0b0000_0100]), 2)),
  ];
  const serverExtensions = [
    extension(ids.basicConstraints, true, sequence()),
    // digitalSignature is bit 0.
    extension(ids.keyUsage, true, bitString(Buffer.from([0b1000_0000]), 7)),
    extension(ids.extendedKeyUsage, false, sequence(oid(ids.serverAuth))),
    // dNSName and iPAddress of RFC 5280, 4.2.1.6.
    extension(
      ids.subjectAltName,
      false,
      sequence(
        ...dnsNames.map((name) => tagged(2, false, Buffer.from(name, 'latin1'))),
        ...ipAddresses.map((ip) => tagged(7, false, ipToBytes(ip))),
      ),
    ),
  ];
  const subject = { name: dnsNames[0] ?? 'localhost', publicKey: server.publicKey };
  return {
    ca: certificate(issuer, issuer, authority.privateKey, validity, authorityExtensions),
    certificate: certificate(subject, issuer, authority.privateKey, validity, serverExtensions),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** RFC 5280, 4.1. */
function certificate(
  subject: Subject,
  issuer: Subject,
  issuerKey: KeyObject,
  validity: Uint8Array,
  extensions: readonly Uint8Array[],
): string {
  const algorithm = sequence(oid(ids.ecdsaWithSha256));
  const signed = sequence(
    // Version 3.
    tagged(0, true, integer(Buffer.from([2]))),
    // Serial numbers are positive.
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    distinguishedName(issuer.name),
    validity,
    distinguishedName(subject.name),
    subject.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(
      3,
      true,
      sequence(
        ...extensions,
        extension(ids.subjectKeyIdentifier, false, octetString(keyIdentifier(subject.publicKey))),
        extension(ids.authorityKeyIdentifier, false, sequence(tagged(0, false, keyIdentifier(issuer.publicKey)))),
      ),
    ),
  );
  const bytes = sequence(signed, algorithm, bitString(sign('sha256', signed, issuerKey)));
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(commonName: string): Buffer {
  // Longer common names are not allowed; who checks looks at the alternative names anyway.
  return sequence(set(sequence(oid(ids.commonName), utf8String(commonName.slice(0, 64)))));
}

function extension(id: string, isCritical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(isCritical ? [boolean(true)] : []), octetString(value));
}

/** Any number that tells keys apart. */
function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest()
    .subarray(0, 20);
}
