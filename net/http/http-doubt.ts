/** Bytes that are not, or not surely, HTTP/1.1: where a reader and the endpoints may differ about them, it stops reading. */
export class HttpDoubt extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'HttpDoubt';
  }
}
