/**
 * Cuts a byte stream into DNS messages (RFC 1035 section 4.2.2).
 *
 * ```
 * length 2 · message
 * ```
 */
export class MessageReader {
  #rest = Buffer.alloc(0);

  /** Messages that are complete with this chunk. */
  push(chunk: Buffer): Buffer[] {
    let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const messages: Buffer[] = [];
    while (rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0);
      if (rest.length < end) break;
      messages.push(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
    this.#rest = Buffer.from(rest);
    return messages;
  }
}

/** A message with its length in front, in one buffer, so that it leaves in one segment. */
export function frameMessage(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  message.copy(framed, 2);
  return framed;
}
