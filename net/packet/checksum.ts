/**
 * The Internet checksum: the one's complement of the one's complement sum of 16-bit words (RFC 1071).
 *
 * The sum does not depend on byte order: words that are read in the machine's order give a result in the machine's order. The functions
 * that take numbers therefore work for either, as long as words and checksum are read alike; those that take bytes use network order.
 */

/** Unfolded sum of the bytes `[start, end)` as 16-bit words in network order; an odd last byte counts as the high half of a word. */
export function sumWords(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  const lastPair = start + ((end - start) & ~1);
  // At most 32,768 words of 16 bits: the sum fits in 31 bits.
  for (let index = start; index < lastPair; index += 2) sum += ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0);
  if (lastPair < end) sum += (bytes[lastPair] ?? 0) << 8;
  return sum;
}

/** Folds the carries of a sum below 2^32 into 16 bits. */
export function foldSum(sum: number): number {
  const once = (sum & 0xffff) + (sum >>> 16);
  return ((once & 0xffff) + (once >>> 16)) & 0xffff;
}

/** Checksum of the bytes `[start, end)`; `initial` is an unfolded sum to begin with, such as that of a pseudo header. */
export function internetChecksum(bytes: Uint8Array, start: number, end: number, initial = 0): number {
  return ~foldSum(initial + sumWords(bytes, start, end)) & 0xffff;
}

/**
 * Unfolded sum of the pseudo header that TCP, UDP and ICMPv6 checksums cover: addresses, protocol, length. IPv4 (RFC 9293 section 3.1)
 * and IPv6 (RFC 8200 section 8.1) lay it out differently, but the words that are not zero are the same.
 *
 * `addresses` is the offset of the source address, which the destination address follows; both have `addressBytes` bytes.
 */
export function pseudoHeaderSum(
  packet: Uint8Array,
  addresses: number,
  addressBytes: number,
  protocol: number,
  length: number,
): number {
  return sumWords(packet, addresses, addresses + 2 * addressBytes) + protocol + length;
}

/**
 * What replacing one 32-bit word by another adds to a sum: both halves of `~before + after`, unfolded. Deltas add up; fold the total
 * with `foldSum` and give it to `adjustChecksum`. The delta of the opposite replacement is the folded one's complement, `0xffff - delta`.
 */
export function wordDelta(before: number, after: number): number {
  return (~before & 0xffff) + (~(before >>> 16) & 0xffff) + (after & 0xffff) + (after >>> 16);
}

/** The checksum after the covered words have changed by a folded delta: equation 3 of RFC 1624, HC' = ~(~HC + ~m + m'). */
export function adjustChecksum(checksum: number, delta: number): number {
  const sum = (~checksum & 0xffff) + delta;
  return ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
}
