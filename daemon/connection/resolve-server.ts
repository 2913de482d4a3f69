import { lookup } from 'node:dns/promises';
import { type IpAddress, parseIp } from '#base/common/ip.ts';

/** Addresses of the API server; none where its name does not resolve. */
export async function resolveServer(server: URL): Promise<IpAddress[]> {
  const host = server.hostname.replace(/^\[|\]$/g, '');
  const literal = parseIp(host);
  if (literal !== undefined) return [literal];
  try {
    const found = await lookup(host, { all: true });
    return found.flatMap(({ address }) => parseIp(address) ?? []);
  } catch {
    // The session tells better why the server cannot be reached.
    return [];
  }
}
