import { readFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';

const names: readonly string[] = ['127.0.0.1', 'localhost'];

/**
 * Whether a request was made for this server by a page of this server, or by no page at all. A page of somebody else's that had its
 * name point to the loopback (DNS rebinding) sends that name as `Host`.
 */
export function isForUs({ headers }: IncomingMessage, port: number): boolean {
  if (!names.some((name) => headers.host === `${name}:${port}`)) return false;
  const { origin, 'sec-fetch-site': site } = headers;
  if (origin !== undefined && origin !== `http://${headers.host}`) return false;
  return site === undefined || site === 'none' || site === 'same-origin' || headers['sec-fetch-mode'] === 'navigate';
}

/** A WebSocket comes from a page, always: browsers send its origin. */
export function isFromOurPage(request: IncomingMessage, port: number): boolean {
  return request.headers.origin !== undefined && isForUs(request, port);
}

/**
 * Whether the program at the other end of a loopback connection is another user's, where the system tells (Linux): an address in the list
 * of processes would be good for one attempt otherwise.
 */
export async function isOfAnotherUser(socket: Socket): Promise<boolean> {
  const uid = process.getuid?.();
  const { remotePort, localPort } = socket;
  if (process.platform !== 'linux' || uid === undefined || remotePort === undefined || localPort === undefined) return false;
  try {
    const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')));
    const owner = ownerOf(tables.join('\n'), remotePort, localPort);
    return owner !== undefined && owner !== uid && owner !== 0;
  } catch {
    return false;
  }
}

/** By the kernel's table: `sl local_address rem_address st tx:rx tr:tm retrnsmt uid …`, addresses as `HEX:PORT`. */
export function ownerOf(table: string, fromPort: number, toPort: number): number | undefined {
  const hex = (port: number) => `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of table.split('\n')) {
    const [, local = '', peer = '', , , , , uid] = line.trim().split(/\s+/);
    if (local.endsWith(hex(fromPort)) && peer.endsWith(hex(toPort)) && uid !== undefined) return Number(uid);
  }
  return undefined;
}
