import type { Logger } from '#base/common/log.ts';
import { dnsRcode } from '#net/dns/constants.ts';
import { FormerResolver } from './former-resolver.ts';
import { type PortRange, parseFormerServer } from './former-server.ts';

/** The DNS server of another connection of this laptop. */
export interface DnsPeer {
  /** `address` or `address:port` */
  readonly server: string;
  /** Where its questions come from. */
  readonly ports: PortRange;
}

export interface PeerAnswer {
  /** Of the first peer that has the name. */
  readonly found: Buffer | undefined;
  /** One that might have it could not say. */
  readonly hasFailed: boolean;
}

/** A peer refuses what is not its own at once, and asks its cluster for the rest: longer than for that nobody waits. */
const answerMs = 2_500;
/** One that said nothing is left out for so long. */
const silenceMs = 5_000;

interface Peer {
  readonly peer: DnsPeer;
  readonly resolver: FormerResolver;
  silentUntil: number;
}

/**
 * Asks the other connections of this laptop. The laptop's resolver asks one of them, and that one the others, each of which answers what is
 * its own and nothing else: so there are no circles, and what a connection's names are is known to it alone.
 */
export class PeerResolver {
  readonly #ports: PortRange;
  readonly #logger: Logger;
  #peers: readonly Peer[] = [];

  constructor(ports: PortRange, logger: Logger) {
    this.#ports = ports;
    this.#logger = logger;
  }

  get hasPeers(): boolean {
    return this.#peers.length > 0;
  }

  /** In the order in which they are asked for names that several have. */
  setPeers(peers: readonly DnsPeer[]): void {
    const before = this.#peers;
    this.#peers = peers.map((peer) => before.find((known) => known.peer.server === peer.server) ?? this.#open(peer));
    for (const former of before) if (!this.#peers.includes(former)) void former.resolver.stop();
  }

  /** Whether a question with this source is one of theirs: to an address of this machine's own, its packets come from that very address. */
  isPeer(from: { readonly address: string; readonly port: number }, ownAddress: string | undefined): boolean {
    if (from.port >= this.#ports.first && from.port <= this.#ports.last) return false;
    return this.#peers.some(({ peer: { server, ports } }) => {
      const isTheirs = from.address === ownAddress || from.address === parseFormerServer(server)?.host;
      return isTheirs && from.port >= ports.first && from.port <= ports.last;
    });
  }

  async ask(query: Buffer, transport: 'udp' | 'tcp'): Promise<PeerAnswer> {
    const now = performance.now();
    const answers = await Promise.all(
      this.#peers.filter(({ silentUntil }) => silentUntil <= now).map(async (peer) => await askPeer(peer, query, transport)),
    );
    return {
      found: answers.find((answer) => answer !== undefined && rcodeOf(answer) === dnsRcode.noError),
      hasFailed: answers.some((answer) => answer === undefined || rcodeOf(answer) === dnsRcode.serverFailure),
    };
  }

  async stop(): Promise<void> {
    const peers = this.#peers;
    this.#peers = [];
    await Promise.all(peers.map(({ resolver }) => resolver.stop()));
  }

  #open(peer: DnsPeer): Peer {
    const resolver = new FormerResolver(this.#ports, this.#logger);
    resolver.setServers([peer.server], '');
    return { peer, resolver, silentUntil: 0 };
  }
}

async function askPeer(peer: Peer, query: Buffer, transport: 'udp' | 'tcp'): Promise<Buffer | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), answerMs);
  try {
    const answer = await Promise.race([peer.resolver.forward(query, transport), late]);
    if (answer === undefined) peer.silentUntil = performance.now() + silenceMs;
    return answer;
  } finally {
    clearTimeout(timer);
  }
}

function rcodeOf(response: Buffer): number {
  return response.readUInt16BE(2) & 0xf;
}
