import { randomUUID } from 'node:crypto';
import type { AgentInfo, ClientInfo } from '#protocol/cluster/generated/manager_pb.js';

interface SessionBase {
  readonly id: string;
  readonly ttlMs: number;
  /** Aborted when the session ends: watches and tunnels end with it. */
  readonly signal: AbortSignal;
}

export interface LaptopSession extends SessionBase {
  readonly kind: 'laptop';
  readonly laptop: ClientInfo;
}

export interface AgentSession extends SessionBase {
  readonly kind: 'agent';
  readonly agent: AgentInfo;
}

export type Session = LaptopSession | AgentSession;

export type SessionEnd = 'departed' | 'expired' | 'stopped';

export interface SessionLimits {
  /** Silence after which a laptop of any product is forgotten. */
  readonly laptopTtlMs: number;
  /** For laptops of this product, which arrive again by themselves when they wake up. */
  readonly desktopTtlMs: number;
  readonly agentTtlMs: number;
}

/** What `ClientInfo.product` of this product's laptops says. */
export const desktopProduct = 'telepresence-desktop';

/** Who is there. A session lives from arrival until it departs or is silent for longer than its time to live. */
export class SessionRegistry {
  readonly #limits: SessionLimits;
  readonly #now: () => number;
  readonly #onEnd: (session: Session, end: SessionEnd) => void;
  readonly #entries = new Map<string, { readonly session: Session; readonly end: AbortController; seenAt: number }>();

  /** @param now milliseconds, monotonic */
  constructor(limits: SessionLimits, now: () => number, onEnd: (session: Session, end: SessionEnd) => void = () => undefined) {
    this.#limits = limits;
    this.#now = now;
    this.#onEnd = onEnd;
  }

  get laptopCount(): number {
    return this.#count('laptop');
  }

  get agentCount(): number {
    return this.#count('agent');
  }

  arriveAsLaptop(laptop: ClientInfo): LaptopSession {
    const { laptopTtlMs, desktopTtlMs } = this.#limits;
    const ttlMs = laptop.product === desktopProduct ? Math.min(desktopTtlMs, laptopTtlMs) : laptopTtlMs;
    const end = new AbortController();
    return this.#add({ kind: 'laptop', id: randomUUID(), ttlMs, laptop, signal: end.signal }, end);
  }

  arriveAsAgent(agent: AgentInfo): AgentSession {
    const end = new AbortController();
    return this.#add(
      { kind: 'agent', id: `agent:${randomUUID()}`, ttlMs: this.#limits.agentTtlMs, agent, signal: end.signal },
      end,
    );
  }

  /** A session that is not known, or has been silent for too long, is `undefined`. */
  find(id: string): Session | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (!this.#isExpired(entry)) return entry.session;
    this.#end(id, 'expired');
    return undefined;
  }

  /** Starts the time to live anew. Returns whether the session is known. */
  remain(id: string): boolean {
    if (this.find(id) === undefined) return false;
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.seenAt = this.#now();
    return true;
  }

  depart(id: string): boolean {
    return this.#end(id, 'departed');
  }

  /** Ends every session that has been silent for too long. */
  sweep(): void {
    for (const [id, entry] of this.#entries) {
      if (this.#isExpired(entry)) this.#end(id, 'expired');
    }
  }

  stop(): void {
    for (const id of this.#entries.keys()) this.#end(id, 'stopped');
  }

  #add<S extends Session>(session: S, end: AbortController): S {
    this.#entries.set(session.id, { session, end, seenAt: this.#now() });
    return session;
  }

  #end(id: string, reason: SessionEnd): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    this.#entries.delete(id);
    entry.end.abort();
    this.#onEnd(entry.session, reason);
    return true;
  }

  #isExpired(entry: { readonly session: Session; readonly seenAt: number }): boolean {
    return this.#now() - entry.seenAt > entry.session.ttlMs;
  }

  #count(kind: Session['kind']): number {
    let count = 0;
    for (const { session } of this.#entries.values()) if (session.kind === kind) count += 1;
    return count;
  }
}
