import { createHash } from 'node:crypto';

/** Size of a block; each carries its number, so that a lost, doubled or moved one changes the checksum. */
const blockBytes = 1 << 20;

/** Content that both ends of a transfer can make for themselves: blocks of noise, each with its number in front. */
export function* patternBlocks(bytes: number): Generator<Buffer> {
  const noise = Buffer.alloc(blockBytes);
  let state = 0x9e3779b9;
  for (let offset = 0; offset < blockBytes; offset += 4) {
    // xorshift32: fast, and not compressible.
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    noise.writeInt32LE(state | 0, offset);
  }
  for (let sent = 0, number = 0; sent < bytes; number += 1) {
    const block = Buffer.from(noise.subarray(0, Math.min(blockBytes, bytes - sent)));
    if (block.length >= 4) block.writeUInt32LE(number, 0);
    sent += block.length;
    yield block;
  }
}

/** SHA-256 of the first `bytes` bytes of the pattern, in hexadecimal digits. */
export function patternSha256(bytes: number): string {
  const hash = createHash('sha256');
  for (const block of patternBlocks(bytes)) hash.update(block);
  return hash.digest('hex');
}
