import { isIP } from 'node:net';

/** A resolver that the laptop used before. */
export interface FormerServer {
  /** Literal address; IPv6 may carry a zone (`fe80::1%eth0`). */
  readonly host: string;
  readonly port: number;
  readonly family: 4 | 6;
}

/** Source ports that the redirect of the laptop's look-ups leaves alone, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads an address as resolver configurations write it: `1.1.1.1`, `1.1.1.1:5353`, `[fe80::1%eth0]:53`, `9.9.9.9#dns.quad9.net`.
 *
 * @returns `undefined` for anything that is not an address.
 */
export function parseFormerServer(text: string): FormerServer | undefined {
  const address = text.trim().replace(/#.*$/, '');
  const match =
    /^\[(?<host>[^\]]+)\](?::(?<port>[0-9]{1,5}))?$/.exec(address) ?? /^(?<host>[0-9.]+):(?<port>[0-9]{1,5})$/.exec(address);
  const host = match?.groups?.['host'] ?? address;
  const port = Number(match?.groups?.['port'] ?? 53);
  const family = isIP(host);
  return (family === 4 || family === 6) && port > 0 && port < 65_536 ? { host, port, family } : undefined;
}

/** Ports of the range from a random one on, each once. */
export function* portsFromRandom({ first, last }: PortRange): Generator<number> {
  const count = last - first + 1;
  const start = Math.floor(Math.random() * count);
  for (let index = 0; index < count; index += 1) yield first + ((start + index) % count);
}
