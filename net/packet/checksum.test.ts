import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adjustChecksum, foldSum, internetChecksum, sumWords, wordDelta } from './checksum.ts';

/** The definition, word by word, with the carry added at once. */
function referenceSum(bytes: Uint8Array): number {
  const padded = bytes.length % 2 === 0 ? bytes : Uint8Array.from([...bytes, 0]);
  let sum = 0;
  for (let index = 0; index < padded.length; index += 2) {
    sum += (padded[index] ?? 0) * 256 + (padded[index + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Checksum over words in machine order. */
function checksumOf(words: readonly number[]): number {
  return ~foldSum(words.reduce((sum, value) => sum + (value & 0xffff) + (value >>> 16), 0)) & 0xffff;
}

describe('internetChecksum', () => {
  it('agrees with the example of RFC 1071 section 3', () => {
    const bytes = Uint8Array.from([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]);
    expect(foldSum(sumWords(bytes, 0, bytes.length))).toBe(0xddf2);
    expect(internetChecksum(bytes, 0, bytes.length)).toBe(0x220d);
  });

  it('agrees with the definition for any bytes, even and odd', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(foldSum(sumWords(bytes, 0, bytes.length)) % 0xffff).toBe(referenceSum(bytes) % 0xffff);
      }),
    );
  });

  it('does not overflow on the largest packet', () => {
    const bytes = new Uint8Array(65_535).fill(0xff);
    expect(internetChecksum(bytes, 0, bytes.length, 0xffff * 20)).toBe(0x00ff);
  });
});

describe('adjustChecksum', () => {
  const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

  /** Twenty bytes, not all zero, as headers are: words of 32 bits in machine order, checksum left out. */
  const header = fc.array(word, { minLength: 5, maxLength: 5 }).filter((words) => words.some((value) => value !== 0));

  it('equals the checksum computed anew, for any replacement of words', () => {
    fc.assert(
      fc.property(
        header,
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 0, max: 4 }),
        word,
        word,
        (words, first, second, a, b) => {
          const changed = words.with(first, a).with(second, b);
          fc.pre(changed.some((value) => value !== 0));
          const delta = foldSum(words.reduce((sum, value, index) => sum + wordDelta(value, changed[index] ?? 0), 0));
          expect(adjustChecksum(checksumOf(words), delta)).toBe(checksumOf(changed));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('goes back with the complement of the delta', () => {
    fc.assert(
      fc.property(header, word, (words, replacement) => {
        const delta = foldSum(wordDelta(words[0] ?? 0, replacement));
        const there = adjustChecksum(checksumOf(words), delta);
        expect(adjustChecksum(there, 0xffff - delta)).toBe(checksumOf(words));
      }),
    );
  });
});
