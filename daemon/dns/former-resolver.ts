import { connect } from 'node:net';
import type { Logger } from '#base/common/log.ts';
import { dnsRcode } from '#net/dns/constants.ts';
import { type FormerServer, type PortRange, parseFormerServer, portsFromRandom } from './former-server.ts';
import { frameMessage, MessageReader } from './tcp-framing.ts';
import { UdpPool } from './udp-pool.ts';

/** One second without an answer, and the next server is asked too, as the laptop's own resolver would. */
const attemptMs = 1_000;
/** Below the 5 s after which glibc gives up on us. */
const totalMs = 4_000;

/** The DNS servers that the laptop used before, asked with the laptop's own messages from the source ports of a range. */
export class FormerResolver {
  readonly counters = { queries: 0, failures: 0 };
  readonly #ports: PortRange;
  readonly #logger: Logger;
  readonly #udp: UdpPool;
  readonly #pending = new Map<string, Promise<Buffer | undefined>>();
  readonly #stopped = new AbortController();
  #servers: readonly FormerServer[] = [];
  /** Index of the server that answered last. */
  #preferred = 0;

  constructor(ports: PortRange, logger: Logger) {
    this.#ports = ports;
    this.#logger = logger;
    this.#udp = new UdpPool(ports, logger);
  }

  get hasServers(): boolean {
    return this.#servers.length > 0;
  }

  /** @param ownAddress never asked, since that is us. */
  setServers(servers: readonly string[], ownAddress: string): void {
    this.#servers = servers
      .flatMap((text) => parseFormerServer(text) ?? [])
      .filter(({ host, port }) => host !== ownAddress || port !== 53);
    this.#preferred = 0;
    if (this.#servers.length < servers.length) this.#logger.debug('Some former DNS servers are not used', { servers });
  }

  /** @returns the response with the query's id, unchanged otherwise; `undefined` when no server gave one in time. */
  async forward(query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
    if (!this.hasServers || this.#stopped.signal.aborted) return undefined;
    // Equal questions share one exchange; should a former server ask us, that also ends the circle.
    const key = transport + query.toString('latin1', 2);
    let exchange = this.#pending.get(key);
    if (exchange === undefined) {
      this.counters.queries += 1;
      exchange = (transport === 'udp' ? this.#exchangeUdp(query) : this.#exchangeTcp(query)).finally(() =>
        this.#pending.delete(key),
      );
      this.#pending.set(key, exchange);
    }
    const response = await exchange;
    if (response === undefined) {
      this.counters.failures += 1;
      return undefined;
    }
    const own = Buffer.from(response);
    query.copy(own, 0, 0, 2);
    return own;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#udp.close();
  }

  async #exchangeUdp(query: Buffer): Promise<Buffer | undefined> {
    const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
    const servers = this.#inOrder();
    const ends: (() => void)[] = [];
    let refusal: Buffer | undefined;
    let asked = 0;
    let refused = 0;
    const askNext = (): void => {
      const server = servers[asked % servers.length];
      if (server === undefined || this.#stopped.signal.aborted) return;
      asked += 1;
      void this.#udp
        .send(server, query, (response) => {
          if (isFailure(response) && ++refused < servers.length) {
            refusal ??= response;
            if (asked < servers.length) askNext();
            return;
          }
          this.#preferred = this.#servers.indexOf(server);
          resolve(response);
        })
        .then((end) => ends.push(end));
    };
    askNext();
    const again = setInterval(askNext, attemptMs);
    const timer = setTimeout(() => resolve(refusal), totalMs);
    const onStopped = () => resolve(undefined);
    this.#stopped.signal.addEventListener('abort', onStopped);
    try {
      return await promise;
    } finally {
      clearInterval(again);
      clearTimeout(timer);
      this.#stopped.signal.removeEventListener('abort', onStopped);
      for (const end of ends) end();
    }
  }

  async #exchangeTcp(query: Buffer): Promise<Buffer | undefined> {
    const deadline = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(totalMs)]);
    let refusal: Buffer | undefined;
    for (const server of this.#inOrder()) {
      const attempt = AbortSignal.any([deadline, AbortSignal.timeout(2 * attemptMs)]);
      for (const localPort of portsFromRandom(this.#ports)) {
        const outcome = await exchangeOverTcp(server, localPort, query, attempt);
        if (outcome === 'port-in-use' && !attempt.aborted) continue;
        if (outcome === 'port-in-use' || outcome === 'failed') break;
        if (!isFailure(outcome)) return outcome;
        refusal ??= outcome;
        break;
      }
      if (deadline.aborted) break;
    }
    return refusal;
  }

  #inOrder(): readonly FormerServer[] {
    return [...this.#servers.slice(this.#preferred), ...this.#servers.slice(0, this.#preferred)];
  }
}

/** One connection for one exchange: large answers are rare. */
function exchangeOverTcp(
  server: FormerServer,
  localPort: number,
  query: Buffer,
  signal: AbortSignal,
): Promise<Buffer | 'port-in-use' | 'failed'> {
  const { promise, resolve } = Promise.withResolvers<Buffer | 'port-in-use' | 'failed'>();
  const reader = new MessageReader();
  const socket = connect({ host: server.host, port: server.port, localPort, noDelay: true });
  const onAbort = () => socket.destroy();
  signal.addEventListener('abort', onAbort);
  socket.on('connect', () => socket.write(frameMessage(query)));
  socket.on('data', (chunk) => {
    const [response] = reader.push(chunk);
    if (response === undefined) return;
    const isOurs = response.length >= 12 && response.readUInt16BE(0) === query.readUInt16BE(0);
    resolve(isOurs ? response : 'failed');
    socket.destroy();
  });
  // A port in TIME_WAIT towards this server says EADDRNOTAVAIL.
  socket.on('error', (error: NodeJS.ErrnoException) =>
    resolve(error.code === 'EADDRINUSE' || error.code === 'EADDRNOTAVAIL' ? 'port-in-use' : 'failed'),
  );
  socket.on('close', () => {
    signal.removeEventListener('abort', onAbort);
    resolve('failed');
  });
  if (signal.aborted) socket.destroy();
  return promise;
}

function isFailure(response: Buffer): boolean {
  const rcode = response.readUInt16BE(2) & 0xf;
  return rcode === dnsRcode.serverFailure || rcode === dnsRcode.refused || rcode === dnsRcode.notImplemented;
}
