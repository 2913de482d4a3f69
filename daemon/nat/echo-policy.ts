import { formatIp, type IpAddress } from '#base/common/ip.ts';

const knownForMs = 60_000;
const maxAddresses = 1_024;

/**
 * Which pings to answer when nobody else decides: those to an address that accepted a connection within the last minute. Any other
 * address may or may not exist, so its pings get no answer rather than a wrong one.
 */
export class EchoPolicy {
  readonly #acceptedAtMs = new Map<string, number>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** A connection to the address was accepted. */
  noteAccepted(ip: IpAddress): void {
    const key = formatIp(ip);
    // Deleting first keeps the map in order of time, so that the oldest is the first.
    this.#acceptedAtMs.delete(key);
    this.#acceptedAtMs.set(key, this.#now());
    const oldest = this.#acceptedAtMs.keys().next();
    if (this.#acceptedAtMs.size > maxAddresses && oldest.done !== true) this.#acceptedAtMs.delete(oldest.value);
  }

  shouldAnswer(ip: IpAddress): boolean {
    const at = this.#acceptedAtMs.get(formatIp(ip));
    return at !== undefined && this.#now() - at <= knownForMs;
  }
}
