import { type Answer, encode } from 'dns-packet';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameInData, packAnswers, packMessage, unpackAnswers } from './packed-records.ts';
import { DnsFormatError, readName, readRecords, writeName, writeRecords } from './wire.ts';

const label = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);
const name = fc.array(label, { minLength: 1, maxLength: 6 }).map((labels) => labels.join('.'));
const ttl = fc.nat(0x7fff_ffff);
const record: fc.Arbitrary<Answer> = fc.oneof(
  fc.record({ type: fc.constant('A' as const), name, ttl, data: fc.ipV4() }),
  fc.record({ type: fc.constantFrom('CNAME' as const, 'PTR' as const, 'NS' as const), name, ttl, data: name }),
  fc.record({
    type: fc.constant('SRV' as const),
    name,
    ttl,
    data: fc.record({ priority: fc.nat(65_535), weight: fc.nat(65_535), port: fc.nat(65_535), target: name }),
  }),
  fc.record({ type: fc.constant('MX' as const), name, ttl, data: fc.record({ preference: fc.nat(65_535), exchange: name }) }),
  fc.record({
    type: fc.constant('TXT' as const),
    name,
    ttl,
    data: fc.array(
      fc.uint8Array({ maxLength: 255 }).map((bytes) => Buffer.from(bytes)),
      { minLength: 1, maxLength: 3 },
    ),
  }),
);

describe('packed records', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 8 }), (records) => {
        const packed = packAnswers(records);
        expect(unpackAnswers(packed)).toMatchObject(records);
        expect(writeRecords(readRecords(packed))).toEqual(packed);
        expect(packAnswers(unpackAnswers(packed))).toEqual(packed);
      }),
    );
  });

  it('have the bytes of the wire format', () => {
    const packed = packAnswers([{ type: 'A', name: 'web.dev', ttl: 5, data: '10.96.0.7' }]);
    expect(packed.toString('hex')).toBe('03776562036465760000010001000000050004' + '0a600007');
  });

  it('are taken out of a message without its OPT record', () => {
    const message = encode({
      type: 'response',
      flags: 3,
      questions: [{ type: 'A', name: 'web.dev' }],
      answers: [{ type: 'CNAME', name: 'web.dev', ttl: 1, data: 'other.dev' }],
      additionals: [
        { type: 'OPT', name: '.', udpPayloadSize: 1232, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
      ],
    });
    const { rcode, rrs } = packMessage(message);
    expect(rcode).toBe(3);
    const [cname] = readRecords(rrs);
    expect(cname?.owner).toBe('web.dev');
    expect(nameInData(cname?.data ?? Buffer.alloc(0))).toBe('other.dev');
  });

  it('of any bytes either parse or fail as a format error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        for (const parse of [readRecords, unpackAnswers, packMessage]) {
          try {
            parse(Buffer.from(bytes));
          } catch (error) {
            expect(error).toBeInstanceOf(DnsFormatError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('names on the wire', () => {
  it('keep every byte, with a dot inside of a label escaped', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 5 }), (labels) => {
        const wire = Buffer.concat([...labels.flatMap((bytes) => [Buffer.of(bytes.length), Buffer.from(bytes)]), Buffer.of(0)]);
        const { name: text, next } = readName(wire, 0);
        expect(next).toBe(wire.length);
        expect(writeName(text)).toEqual(wire);
      }),
    );
  });

  it('refuse pointers that could loop', () => {
    expect(() => readName(Buffer.of(0xc0, 0), 0)).toThrow(DnsFormatError);
    expect(() => readName(Buffer.of(0xc0, 2, 0xc0, 0), 2)).toThrow(DnsFormatError);
    expect(readName(Buffer.of(1, 0x61, 0, 0xc0, 0), 3)).toEqual({ name: 'a', next: 5 });
  });

  it('refuse what is too long', () => {
    expect(() => writeName('a'.repeat(64))).toThrow(DnsFormatError);
    expect(() => writeName(`${'abcdefgh.'.repeat(30)}x`)).toThrow(DnsFormatError);
    expect(() => writeName('a..b')).toThrow(DnsFormatError);
  });
});
