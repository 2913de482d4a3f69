import { create } from '@bufbuild/protobuf';
import type { Logger } from '#base/common/log.ts';
import {
  type AgentInfo,
  type InterceptInfo,
  type InterceptSpec,
  InterceptSpecSchema,
  type ReviewInterceptRequest,
} from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import { Changes, type Snapshot } from '../changes.ts';
import type { AgentSession, LaptopSession, Session, SessionEvent, SessionRegistry } from '../sessions/session-registry.ts';
import { describeConflict, isFormerLifeOf } from './conflict.ts';
import { collide, type Intercept, type InterceptTarget, standingOf, toAgent, toLaptop } from './intercept.ts';

export interface InterceptRegistryOptions {
  readonly sessions: SessionRegistry;
  readonly logger: Logger;
  /** Time of day, for people to read. Default the system's. */
  readonly clock?: () => Date;
  /** Without work at the laptop for this long, others may take its intercepts. Default 10 min. */
  readonly inactiveMs?: number;
  /** Of one laptop. Default 200. */
  readonly maxPerLaptop?: number;
  /**
   * For this long after the start, an agent that would be told of no intercepts is told nothing: it goes on with those that it has from the
   * traffic-manager before this one, until their laptops are back. Default 15 s.
   */
  readonly settleMs?: number;
  /** Who intercepts a workload has changed. */
  readonly onWorkloadChanged?: (namespace: string, workload: string) => void;
}

/** Somebody else's intercept. */
export interface InterceptObstacle {
  /** `user@laptop` */
  readonly owner: string;
  readonly since: Date;
  readonly message: string;
}

const defaults = { inactiveMs: 10 * 60_000, maxPerLaptop: 200, settleMs: 15_000 };

/** Who intercepts what: the arbiter between laptops, and what laptops and agents are told. */
export class InterceptRegistry {
  readonly changes = new Changes();
  readonly #options: InterceptRegistryOptions & typeof defaults;
  readonly #clock: () => Date;
  /** By id. Those that were displaced stay until their laptop has seen it. */
  readonly #intercepts = new Map<string, Intercept>();
  /** Workloads that a laptop has spoken of: what is said of them is the whole truth. */
  readonly #heardOf = new Set<string>();
  readonly #unsubscribe: () => void;
  #settling: NodeJS.Timeout | undefined;
  #created = 0;
  #revision = 0;

  constructor(options: InterceptRegistryOptions) {
    this.#options = { ...defaults, ...options };
    this.#clock = options.clock ?? (() => new Date());
    this.#unsubscribe = options.sessions.subscribe((event) => this.#follow(event));
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#heardOf.clear();
      this.changes.tell();
    }, this.#options.settleMs).unref();
  }

  stop(): void {
    clearTimeout(this.#settling);
    this.#unsubscribe();
  }

  get activeCount(): number {
    return [...this.#intercepts.values()].filter((intercept) => standingOf(intercept).state === 'active').length;
  }

  get createdCount(): number {
    return this.#created;
  }

  /**
   * @throws AppError `engagement.exists`, `engagement.conflict` with the owner's name, `engagement.refused`
   */
  create(session: LaptopSession, request: InterceptSpec): InterceptInfo {
    const spec = completeSpec(session, request);
    const id = idOf(session.id, spec.name);
    if (this.#find(id) !== undefined) {
      throw new AppError({ code: 'engagement.exists', message: `The intercept "${spec.name}" exists already` });
    }
    if (this.#ofLaptop(session.id).length >= this.#options.maxPerLaptop) {
      throw new AppError({
        code: 'engagement.refused',
        message: `One laptop can have ${this.#options.maxPerLaptop} intercepts, not more`,
      });
    }
    this.checkFree(session, spec);
    for (const other of this.#rivals(session, spec)) this.#displace(other, session);
    const now = this.#clock();
    const intercept: Intercept = {
      id,
      spec,
      session,
      since: now,
      reviews: [],
      agentCount: this.#options.sessions.agentsOf(spec.namespace, spec.agent).length,
      isSilent: false,
      removedBecause: undefined,
      revision: 0,
      modifiedAt: now,
    };
    this.#created += 1;
    this.#intercepts.delete(id);
    this.#put(intercept, 'created');
    return toLaptop(intercept);
  }

  /** @throws AppError `engagement.conflict` where somebody else has what is wanted, and may keep it. */
  checkFree(session: LaptopSession, target: InterceptTarget & { readonly name: string }): void {
    const owner = this.#rivals(session, target).find((other) => !this.#mayDisplace(other, session, target.name));
    if (owner !== undefined) throw describeConflict(owner, target, this.#clock());
  }

  /** What is in the way of a target, for people to read; nothing where it is free or may be taken. */
  conflictsWith(session: LaptopSession, target: InterceptTarget & { readonly name: string }): readonly InterceptObstacle[] {
    const owners = this.#rivals(session, target).filter((other) => !this.#mayDisplace(other, session, target.name));
    return owners.map((other) => ({
      owner: other.session.laptop.name,
      since: other.since,
      message: describeConflict(other, target, this.#clock()).message,
    }));
  }

  /**
   * Ends an intercept, whoever has it.
   *
   * @param id its id, or `owner:name`, since ids of others are not told.
   * @returns its owner; `undefined` where there is none.
   */
  revoke(id: string, by: string): string | undefined {
    const meant = this.#live().filter(({ id: own, session, spec }) => id === own || id === `${session.laptop.name}:${spec.name}`);
    for (const intercept of meant) this.#put({ ...intercept, reviews: [], removedBecause: `It was revoked by ${by}` }, 'revoked');
    return meant[0]?.session.laptop.name;
  }

  /** @returns whether there was one; one that was displaced is thereby seen to. */
  remove(session: LaptopSession, name: string): boolean {
    const intercept = this.#intercepts.get(idOf(session.id, name));
    if (intercept === undefined) return false;
    this.#drop(intercept, 'left');
    return true;
  }

  /** Ends the intercepts of a workload, whoever has them; their laptops are told why. */
  endThoseOf(namespace: string, workload: string, because: string): void {
    for (const intercept of this.#live()) {
      const { spec } = intercept;
      if (spec.namespace === namespace && spec.agent === workload)
        this.#put({ ...intercept, reviews: [], removedBecause: because }, 'agents removed');
    }
  }

  find(session: LaptopSession, name: string): InterceptInfo | undefined {
    const intercept = this.#intercepts.get(idOf(session.id, name));
    return intercept === undefined ? undefined : toLaptop(intercept);
  }

  /**
   * An agent's verdict on an intercept of its workload. One on an intercept that is gone, or is another workload's, has no effect.
   *
   * @returns whether it had.
   */
  review(agent: AgentSession, verdict: ReviewInterceptRequest): boolean {
    const intercept = this.#find(verdict.id);
    if (intercept === undefined || !isAgentOf(intercept, agent.agent)) return false;
    const at = intercept.reviews.findIndex((review) => review.agent.id === agent.id);
    const review = { agent, verdict };
    const reviews = at < 0 ? [...intercept.reviews, review] : intercept.reviews.with(at, review);
    this.#put({ ...intercept, reviews }, 'reviewed');
    return true;
  }

  /** Whether an agent may ask the laptop to take connections. */
  isServedBy(laptopSessionId: string, agent: AgentInfo): boolean {
    return this.#ofLaptop(laptopSessionId).some((intercept) => isAgentOf(intercept, agent));
  }

  /** Those who intercept a workload, by name, and since when: once for each of their intercepts. */
  interceptorsOf(namespace: string, workload: string): readonly { readonly client: string; readonly since: Date }[] {
    const intercepts = this.#live().filter(({ spec }) => spec.namespace === namespace && spec.agent === workload);
    return intercepts.map(({ session, since }) => ({ client: session.laptop.name, since }));
  }

  /** From now on what is known of the workload is the whole truth: nothing from before this traffic-manager is expected any more. */
  hear(namespace: string, workload: string): void {
    if (this.#settling !== undefined) this.#heardOf.add(workloadOf(namespace, workload));
  }

  /** What a session is told: a laptop of its own intercepts, an agent of those of its workload. */
  snapshotFor(session: Session): Snapshot<InterceptInfo[]> | undefined {
    if (session.kind === 'laptop') {
      const intercepts = [...this.#intercepts.values()].filter((intercept) => intercept.session.id === session.id);
      return { key: keyOf(intercepts), value: intercepts.map(toLaptop) };
    }
    const intercepts = this.#live().filter((intercept) => isAgentOf(intercept, session.agent));
    const { namespace, name } = session.agent;
    const isUnheard = this.#settling !== undefined && !this.#heardOf.has(workloadOf(namespace, name));
    if (intercepts.length === 0 && isUnheard) return undefined;
    return { key: keyOf(intercepts), value: intercepts.map((intercept) => toAgent(intercept, session.id)) };
  }

  #follow(event: SessionEvent): void {
    const { session } = event;
    // What ends with the traffic-manager is taken up by the next: nobody is to hear of an end.
    if (event.kind === 'ended' && event.end === 'stopped') return;
    if (session.kind === 'agent') {
      if (event.kind === 'arrived' || event.kind === 'ended') this.#agentsChanged(session, event.kind === 'ended');
      return;
    }
    if (event.kind === 'arrived') return;
    const intercepts = [...this.#intercepts.values()].filter((intercept) => intercept.session.id === session.id);
    for (const intercept of intercepts) {
      if (event.kind === 'ended') this.#drop(intercept, event.end);
      else if (intercept.removedBecause === undefined) this.#put({ ...intercept, isSilent: event.kind === 'silent' }, event.kind);
    }
  }

  #agentsChanged(session: AgentSession, isGone: boolean): void {
    const { namespace, name } = session.agent;
    const agentCount = this.#options.sessions.agentsOf(namespace, name).length;
    for (const intercept of this.#live()) {
      if (!isAgentOf(intercept, session.agent)) continue;
      const reviews = isGone ? intercept.reviews.filter(({ agent }) => agent.id !== session.id) : intercept.reviews;
      this.#put({ ...intercept, agentCount, reviews }, isGone ? 'agent gone' : 'agent arrived');
    }
  }

  /** Those of others that want the same. */
  #rivals(session: LaptopSession, target: InterceptTarget & { readonly name: string }): readonly Intercept[] {
    return this.#live().filter(
      (other) => !(other.session.id === session.id && other.spec.name === target.name) && collide(other.spec, target),
    );
  }

  #mayDisplace(other: Intercept, session: LaptopSession, name: string): boolean {
    if (other.session.id === session.id) return false;
    if (isFormerLifeOf(other, session, name)) return true;
    return this.#options.sessions.inactiveMs(other.session.id) > this.#options.inactiveMs;
  }

  #displace(intercept: Intercept, by: LaptopSession): void {
    const removedBecause = isFormerLifeOf(intercept, by, intercept.spec.name)
      ? 'The same laptop has taken it on in another session'
      : `${by.laptop.name} has taken it on, since the laptop had not been used for a while`;
    this.#put({ ...intercept, reviews: [], removedBecause }, 'displaced');
  }

  #put(changed: Intercept, because: string): void {
    const before = this.#intercepts.get(changed.id);
    this.#revision += 1;
    const intercept = { ...changed, revision: this.#revision, modifiedAt: this.#clock() };
    this.#intercepts.set(intercept.id, intercept);
    const { state } = standingOf(intercept);
    if (before === undefined || state === 'removed') this.#tellWorkload(intercept);
    if (before === undefined || standingOf(before).state !== state) {
      this.#options.logger.info('An intercept changed', { ...fieldsOf(intercept), state, because });
    }
    this.changes.tell();
  }

  #drop(intercept: Intercept, because: string): void {
    this.#intercepts.delete(intercept.id);
    this.hear(intercept.spec.namespace, intercept.spec.agent);
    this.#options.logger.info('An intercept ended', { ...fieldsOf(intercept), because });
    this.#tellWorkload(intercept);
    this.changes.tell();
  }

  #tellWorkload({ spec }: Intercept): void {
    this.#options.onWorkloadChanged?.(spec.namespace, spec.agent);
  }

  #find(id: string): Intercept | undefined {
    const intercept = this.#intercepts.get(id);
    return intercept?.removedBecause === undefined ? intercept : undefined;
  }

  #live(): readonly Intercept[] {
    return [...this.#intercepts.values()].filter(({ removedBecause }) => removedBecause === undefined);
  }

  #ofLaptop(sessionId: string): readonly Intercept[] {
    return this.#live().filter(({ session }) => session.id === sessionId);
  }
}

/** The same after a restart of either side, as long as the session's id is. */
function idOf(sessionId: string, name: string): string {
  return `${sessionId}:${name}`;
}

function isAgentOf({ spec }: Intercept, agent: AgentInfo): boolean {
  return spec.agent === agent.name && spec.namespace === agent.namespace;
}

function workloadOf(namespace: string, name: string): string {
  return `${name}.${namespace}`;
}

/** The order is that of creation, the same for every agent. */
function keyOf(intercepts: readonly Intercept[]): string {
  return intercepts.map(({ id, revision }) => `${id}@${revision}`).join(' ');
}

function completeSpec(session: LaptopSession, request: InterceptSpec): InterceptSpec {
  const { name } = request;
  const missing =
    name === '' ? 'name' : request.targetPort <= 0 || request.targetPort > 65_535 ? 'port of the laptop' : undefined;
  if (missing !== undefined) {
    throw new AppError({ code: 'usage', message: `An intercept needs a ${missing}` });
  }
  return create(InterceptSpecSchema, {
    ...request,
    client: session.laptop.name,
    agent: request.agent === '' ? name : request.agent,
    namespace: request.namespace === '' ? session.laptop.namespace : request.namespace,
    mechanism: request.mechanism === '' ? 'tcp' : request.mechanism,
    targetHost: request.targetHost === '' ? '127.0.0.1' : request.targetHost,
  });
}

function fieldsOf({ id, spec, session }: Intercept) {
  return { intercept: id, workload: `${spec.agent}.${spec.namespace}`, owner: session.laptop.name };
}
