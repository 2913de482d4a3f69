import { randomUUID } from 'node:crypto';
import { desktopProduct } from '#protocol/cluster/desktop-wire.ts';
import type { AgentInfo, ClientInfo } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';

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

export type SessionEnd = 'departed' | 'expired' | 'replaced' | 'stopped';

/** `silent`: not heard of for longer than its lease, and still known. `heard`: again. */
export type SessionEvent =
  | { readonly kind: 'arrived' | 'silent' | 'heard'; readonly session: Session }
  | { readonly kind: 'ended'; readonly session: Session; readonly end: SessionEnd };

export interface SessionLimits {
  /** Silence after which a laptop of any product is forgotten. */
  readonly laptopTtlMs: number;
  /** For laptops of this product, which arrive again by themselves when they wake up. */
  readonly desktopTtlMs: number;
  readonly agentTtlMs: number;
  /** Silence after which what a laptop intercepts is served by the workload again. Default 20 s, four missed beats. */
  readonly desktopLeaseMs?: number;
  /** The same for laptops of other products, some of which send a beat a minute. Default 150 s. */
  readonly laptopLeaseMs?: number;
  readonly maxLaptops?: number;
  readonly maxAgents?: number;
}

interface Entry {
  readonly session: Session;
  readonly end: AbortController;
  readonly leaseMs: number;
  seenAt: number;
  activeAt: number;
  isSilent: boolean;
}

/** Far above any real cluster: what they bound is the memory that somebody could take who arrives over and over. */
const defaults = { desktopLeaseMs: 20_000, laptopLeaseMs: 150_000, maxLaptops: 5_000, maxAgents: 20_000 };

/** Services lead to a pod for some seconds after its agent has departed, and what comes by them is still the laptop's. */
const farewellMs = 60_000;

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const agentPrefix = 'agent:';

/** Who is there. A session lives from arrival until it departs or is silent for longer than its time to live. */
export class SessionRegistry {
  readonly #limits: SessionLimits & typeof defaults;
  readonly #now: () => number;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #entries = new Map<string, Entry>();
  /** By namespace: snapshots are asked for by it. */
  readonly #agents = new Map<string, Set<AgentSession>>();
  #agentCount = 0;
  /** In the order in which they departed. */
  readonly #departed = new Map<string, { readonly session: AgentSession; readonly at: number }>();

  /** @param now milliseconds, monotonic */
  constructor(limits: SessionLimits, now: () => number, onEnd?: (session: Session, end: SessionEnd) => void) {
    this.#limits = { ...defaults, ...limits };
    this.#now = now;
    if (onEnd !== undefined) this.subscribe((event) => (event.kind === 'ended' ? onEnd(event.session, event.end) : undefined));
  }

  get laptopCount(): number {
    return this.#entries.size - this.#agentCount;
  }

  get agentCount(): number {
    return this.#agentCount;
  }

  /** Calls the listener right after each change. Returns the way to end it. */
  subscribe(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * @param formerId the id that the laptop had with a traffic-manager that is no more: it gets it again, so that ids of intercepts stay.
   * @throws AppError `manager.busy`
   */
  arriveAsLaptop(laptop: ClientInfo, formerId = ''): LaptopSession {
    const { laptopTtlMs, desktopTtlMs, desktopLeaseMs, laptopLeaseMs, maxLaptops } = this.#limits;
    if (this.laptopCount >= maxLaptops) throw tooMany('laptops', maxLaptops);
    const isDesktop = laptop.product === desktopProduct;
    const ttlMs = isDesktop ? Math.min(desktopTtlMs, laptopTtlMs) : laptopTtlMs;
    const end = new AbortController();
    const id = uuid.test(formerId) && !this.#entries.has(formerId) ? formerId : randomUUID();
    const leaseMs = isDesktop ? desktopLeaseMs : laptopLeaseMs;
    return this.#add({ kind: 'laptop', id, ttlMs, laptop, signal: end.signal }, end, leaseMs);
  }

  /**
   * An agent of a pod that is there already takes its place.
   *
   * @throws AppError `manager.busy`
   */
  arriveAsAgent(agent: AgentInfo): AgentSession {
    const { agentTtlMs, maxAgents } = this.#limits;
    if (this.#agentCount >= maxAgents) throw tooMany('traffic-agents', maxAgents);
    const end = new AbortController();
    const former = this.agentsIn(agent.namespace).find(
      (session) => agent.podName !== '' && session.agent.podName === agent.podName && session.agent.name === agent.name,
    );
    const id = `${agentPrefix}${randomUUID()}`;
    // The new one is there before the former goes, so that what depends on the pod is never without.
    const session = this.#add({ kind: 'agent', id, ttlMs: agentTtlMs, agent, signal: end.signal }, end, agentTtlMs);
    if (former !== undefined) this.#end(former.id, 'replaced');
    return session;
  }

  agentsIn(namespace: string): readonly AgentSession[] {
    return [...(this.#agents.get(namespace) ?? [])];
  }

  /** The agents of one workload, in the order of their arrival. */
  agentsOf(namespace: string, workload: string): readonly AgentSession[] {
    return this.agentsIn(namespace).filter(({ agent }) => agent.name === workload);
  }

  /** A session that is not known, or has been silent for too long, is `undefined`. */
  find(id: string): Session | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    if (!this.#isExpired(entry)) return entry.session;
    this.#end(id, 'expired');
    return undefined;
  }

  /** Agents that have departed a moment ago are found, too: they are for no watch and no count, but may still bring connections. */
  findOrDeparted(id: string): Session | undefined {
    this.#forgetDeparted();
    return this.find(id) ?? this.#departed.get(id)?.session;
  }

  /** Starts the time to live anew. Returns whether the session is known. */
  remain(id: string): boolean {
    if (this.find(id) === undefined) return false;
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    entry.seenAt = this.#now();
    if (entry.isSilent) {
      entry.isSilent = false;
      this.#tell({ kind: 'heard', session: entry.session });
    }
    return true;
  }

  /** Somebody works with the laptop: a command, or a connection into the cluster. */
  touch(id: string): void {
    const entry = this.#entries.get(id);
    if (entry !== undefined) entry.activeAt = this.#now();
  }

  /** How long nobody has worked with the laptop; without end for a session that is not known. */
  inactiveMs(id: string): number {
    const entry = this.#entries.get(id);
    return entry === undefined ? Number.POSITIVE_INFINITY : this.#now() - entry.activeAt;
  }

  depart(id: string): boolean {
    return this.#end(id, 'departed');
  }

  /** Ends every session that has been silent for too long, and tells of those whose lease is over. */
  sweep(): void {
    for (const [id, entry] of this.#entries) {
      if (this.#isExpired(entry)) {
        this.#end(id, 'expired');
      } else if (!entry.isSilent && this.#now() - entry.seenAt > entry.leaseMs) {
        entry.isSilent = true;
        this.#tell({ kind: 'silent', session: entry.session });
      }
    }
  }

  stop(): void {
    for (const id of this.#entries.keys()) this.#end(id, 'stopped');
  }

  #add<S extends Session>(session: S, end: AbortController, leaseMs: number): S {
    const now = this.#now();
    this.#entries.set(session.id, { session, end, leaseMs, seenAt: now, activeAt: now, isSilent: false });
    if (session.kind === 'agent') {
      this.#agentCount += 1;
      const { namespace } = session.agent;
      const agents = this.#agents.get(namespace) ?? new Set();
      this.#agents.set(namespace, agents.add(session));
    }
    this.#tell({ kind: 'arrived', session });
    return session;
  }

  #end(id: string, end: SessionEnd): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const { session } = entry;
    this.#entries.delete(id);
    if (session.kind === 'agent') {
      this.#agentCount -= 1;
      const agents = this.#agents.get(session.agent.namespace);
      agents?.delete(session);
      if (agents?.size === 0) this.#agents.delete(session.agent.namespace);
      this.#forgetDeparted();
      if (end === 'departed') this.#departed.set(id, { session, at: this.#now() });
    }
    entry.end.abort();
    this.#tell({ kind: 'ended', session, end });
    return true;
  }

  #forgetDeparted(): void {
    for (const [id, { at }] of this.#departed) {
      if (this.#now() - at <= farewellMs && this.#departed.size <= this.#limits.maxAgents) return;
      this.#departed.delete(id);
    }
  }

  #tell(event: SessionEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #isExpired(entry: Entry): boolean {
    return this.#now() - entry.seenAt > entry.session.ttlMs;
  }
}

export function isAgentSessionId(id: string): boolean {
  return id.startsWith(agentPrefix);
}

function tooMany(what: string, limit: number): AppError {
  return new AppError({
    code: 'manager.busy',
    message: `The traffic-manager has ${limit} sessions of ${what} and takes no more`,
    remedies: [{ label: 'Quit connections that nobody uses', command: 'telepresence quit' }],
  });
}
