import { randomInt } from 'node:crypto';
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Logger } from '#base/common/log.ts';
import { literalLookup } from '#net/dns/literal-lookup.ts';
import { type FormerServer, type PortRange, portsFromRandom } from './former-server.ts';
import { isResponse } from './message.ts';

/** Sockets for each address family: an answer can only be forged by guessing socket and id. */
const maxSockets = 10;

interface PooledSocket {
  readonly socket: Socket;
  readonly waiting: Map<number, Waiting>;
}

interface Waiting {
  readonly server: FormerServer;
  readonly query: Buffer;
  readonly onResponse: (response: Buffer) => void;
}

/** UDP sockets on ports of a range. They open when they are first used and stay open. */
export class UdpPool {
  readonly #ports: PortRange;
  readonly #logger: Logger;
  readonly #sockets = new Map<string, Promise<PooledSocket | undefined>>();
  #isClosed = false;

  constructor(ports: PortRange, logger: Logger) {
    this.#ports = ports;
    this.#logger = logger;
  }

  /**
   * Sends a query under an id of the pool's own and reports responses to it, which carry that id, until the returned function is
   * called.
   */
  async send(server: FormerServer, query: Buffer, onResponse: (response: Buffer) => void): Promise<() => void> {
    const size = Math.min(maxSockets, this.#ports.last - this.#ports.first + 1);
    const pooled = await this.#socket(server.family, randomInt(size));
    if (pooled === undefined) return () => undefined;
    const { socket, waiting } = pooled;
    const id = unusedId(waiting);
    if (id === undefined) return () => undefined;
    const message = Buffer.from(query);
    message.writeUInt16BE(id, 0);
    waiting.set(id, { server, query, onResponse });
    // A server that cannot be reached is one that does not answer.
    socket.send(message, server.port, server.host, (error) => {
      if (error !== null)
        this.#logger.debug('Sending to a former DNS server failed', { server: server.host, reason: error.message });
    });
    return () => waiting.delete(id);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const opened = await Promise.all(this.#sockets.values());
    this.#sockets.clear();
    for (const pooled of opened) pooled?.socket.close();
  }

  async #socket(family: 4 | 6, index: number): Promise<PooledSocket | undefined> {
    const key = `${family} ${index}`;
    const known = this.#sockets.get(key);
    if (known !== undefined) return known;
    if (this.#isClosed) return undefined;
    const opening = this.#open(family);
    this.#sockets.set(key, opening);
    const opened = await opening;
    // No free port now does not mean none later.
    if (opened === undefined) this.#sockets.delete(key);
    return opened;
  }

  async #open(family: 4 | 6): Promise<PooledSocket | undefined> {
    for (const port of portsFromRandom(this.#ports)) {
      const socket = createSocket(
        family === 4 ? { type: 'udp4', lookup: literalLookup } : { type: 'udp6', ipv6Only: true, lookup: literalLookup },
      );
      try {
        // The event comes at once, since no name is looked up.
        const listening = once(socket, 'listening');
        socket.bind(port);
        await listening;
      } catch {
        socket.close();
        continue;
      }
      const waiting = new Map<number, Waiting>();
      socket.on('error', (error) => this.#logger.warn('A socket to the former DNS servers failed', { reason: error.message }));
      socket.on('message', (message, from) => receive(waiting, message, from));
      return { socket, waiting };
    }
    this.#logger.warn('No free source port for the former DNS servers', { ...this.#ports });
    return undefined;
  }
}

/** Takes a response that comes from the server that was asked and repeats the question; drops all else. */
function receive(waiting: Map<number, Waiting>, message: Buffer, from: RemoteInfo): void {
  if (message.length < 12 || !isResponse(message)) return;
  const entry = waiting.get(message.readUInt16BE(0));
  if (entry === undefined || from.port !== entry.server.port || !isSameHost(from.address, entry.server.host)) return;
  if (!repeatsQuestion(message, entry.query)) return;
  entry.onResponse(message);
}

/** A server may leave the question out of an error. */
function repeatsQuestion(response: Buffer, query: Buffer): boolean {
  if (response.readUInt16BE(4) === 0) return (response.readUInt16BE(2) & 0xf) !== 0;
  let end = 12;
  while ((query[end] ?? 0) !== 0) end += (query[end] ?? 0) + 1;
  const question = (message: Buffer) => message.toString('latin1', 12, end + 5).toLowerCase();
  return question(response) === question(query);
}

function isSameHost(actual: string, expected: string): boolean {
  const withoutZone = (host: string) => host.replace(/%.*$/, '').toLowerCase();
  if (withoutZone(actual) === withoutZone(expected)) return true;
  // IPv6 has many spellings; a URL has one.
  return expected.includes(':') && URL.canParse(`http://[${withoutZone(expected)}]`)
    ? new URL(`http://[${withoutZone(expected)}]`).hostname === `[${withoutZone(actual)}]`
    : false;
}

function unusedId(waiting: ReadonlyMap<number, Waiting>): number | undefined {
  for (let attempt = 0; attempt < 16; attempt += 1) {
    const id = randomInt(0x1_0000);
    if (!waiting.has(id)) return id;
  }
  return undefined;
}
