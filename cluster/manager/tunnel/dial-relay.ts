import { create } from '@bufbuild/protobuf';
import type { Logger } from '#base/common/log.ts';
import { callStatus, endCall } from '#net/tunnel/accept-tunnel.ts';
import { describeConnection, encodeConnectionId, type StreamInfo } from '#net/tunnel/stream-info.ts';
import type { CalleeStream } from '#net/tunnel/tunnel-stream.ts';
import { type DialRequest, DialRequestSchema } from '#protocol/cluster/generated/manager_pb.js';
import { Waiter } from '../watched-value.ts';
import { joinStreams } from './join-streams.ts';

interface PendingDial {
  readonly key: string;
  readonly request: DialRequest;
  readonly agent: CalleeStream;
  /** Once the laptop has been asked. */
  readonly answerMs: number;
  readonly giveUp: () => void;
  timer: NodeJS.Timeout;
}

interface Mailbox {
  /** Not yet handed to a watch. */
  readonly untold: PendingDial[];
  /** The newest is the one that is read: an older one may be of a link that broke without a sign. */
  readonly watchers: Waiter[];
}

/** Connections of one laptop that wait for its answer. */
const maxPending = 4_096;

const dialTimeoutMs = { default: 5_000, max: 60_000 };

/** A laptop that does not watch at the moment may be between two links. */
const absentMs = 1_000;

/** An answer that comes later than this is not one. */
const lateMs = 60_000;

const nanosecondsInMs = 1_000_000n;

/**
 * Brings agents and laptops together that have no way to each other: an agent's tunnel waits while the laptop is asked to dial, and is joined
 * with the tunnel that the laptop opens with the same connection id. An agent whose tunnel is reset gives the connection to the app.
 */
export class DialRelay {
  readonly #logger: Logger;
  readonly #mailboxes = new Map<string, Mailbox>();
  /** By session and connection id; two connections may have the same id in two pods. */
  readonly #pending = new Map<string, PendingDial[]>();
  readonly #late = new Set<string>();
  #pendingCount = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** What the laptop is asked to dial, until `signal` aborts. Those that come while nobody watches wait for the next watch. */
  async *watch(sessionId: string, signal: AbortSignal): AsyncGenerator<DialRequest> {
    const mailbox = this.#mailbox(sessionId);
    const waiter = new Waiter(signal);
    mailbox.watchers.push(waiter);
    try {
      while (!signal.aborted) {
        const next = mailbox.watchers.at(-1) === waiter ? mailbox.untold.shift() : undefined;
        if (next === undefined) {
          await waiter.wait();
          continue;
        }
        clearTimeout(next.timer);
        next.timer = setTimeout(next.giveUp, next.answerMs);
        yield next.request;
      }
    } finally {
      mailbox.watchers.splice(mailbox.watchers.indexOf(waiter), 1);
      waiter.close();
      mailbox.watchers.at(-1)?.wake();
      if (mailbox.watchers.length === 0 && mailbox.untold.length === 0) this.#mailboxes.delete(sessionId);
    }
  }

  /** Asks the laptop to dial for an agent's tunnel. */
  request(sessionId: string, info: StreamInfo, agent: CalleeStream): void {
    if (this.#pendingCount >= maxPending) {
      endCall(agent, callStatus.unavailable, 'Too many connections wait for laptops');
      return;
    }
    const key = keyOf(sessionId, info);
    const mailbox = this.#mailbox(sessionId);
    const asked = Math.min(info.dialTimeoutMs > 0 ? info.dialTimeoutMs : dialTimeoutMs.default, dialTimeoutMs.max);
    const isAbsent = mailbox.watchers.length === 0;
    const giveUp = () => {
      if (!this.#forget(sessionId, dial)) return;
      this.#expectLate(key);
      const connection = describeConnection(info.connectionId);
      this.#logger.debug('A laptop did not take a connection', { session: sessionId, connection, isAbsent });
      endCall(agent, callStatus.unavailable, 'The laptop did not answer');
    };
    const dial: PendingDial = {
      key,
      agent,
      request: create(DialRequestSchema, {
        connId: encodeConnectionId(info.connectionId),
        roundtripLatency: BigInt(Math.round(info.roundtripMs)) * nanosecondsInMs,
        dialTimeout: BigInt(Math.round(asked)) * nanosecondsInMs,
      }),
      answerMs: asked + info.roundtripMs,
      giveUp,
      timer: setTimeout(giveUp, Math.min(asked, absentMs)),
    };
    this.#pending.set(key, [...(this.#pending.get(key) ?? []), dial]);
    this.#pendingCount += 1;
    agent.once('close', () => {
      if (this.#forget(sessionId, dial)) this.#expectLate(key);
    });
    mailbox.untold.push(dial);
    mailbox.watchers.at(-1)?.wake();
  }

  /** A tunnel of a laptop: joined with the one it answers; `late` where that is gone; `none` where it is no answer at all. */
  answer(sessionId: string, info: StreamInfo, laptop: CalleeStream): 'joined' | 'late' | 'none' {
    const key = keyOf(sessionId, info);
    const dial = this.#pending.get(key)?.[0];
    if (dial === undefined || !this.#forget(sessionId, dial)) return this.#late.has(key) ? 'late' : 'none';
    joinStreams(dial.agent, laptop);
    return 'joined';
  }

  /** Ends what waits for a laptop that is gone. */
  end(sessionId: string): void {
    const waiting = [...this.#pending.values()].flat().filter(({ key }) => key.startsWith(`${sessionId} `));
    for (const dial of waiting) {
      if (this.#forget(sessionId, dial)) endCall(dial.agent, callStatus.notFound, 'The laptop has left');
    }
  }

  /** The laptop's answer would look like a connection into the cluster. */
  #expectLate(key: string): void {
    this.#late.add(key);
    setTimeout(() => this.#late.delete(key), lateMs).unref();
  }

  #mailbox(sessionId: string): Mailbox {
    const mailbox = this.#mailboxes.get(sessionId) ?? { untold: [], watchers: [] };
    this.#mailboxes.set(sessionId, mailbox);
    return mailbox;
  }

  /** Returns whether it was waiting still. */
  #forget(sessionId: string, dial: PendingDial): boolean {
    clearTimeout(dial.timer);
    const same = this.#pending.get(dial.key) ?? [];
    if (!same.includes(dial)) return false;
    const rest = same.filter((other) => other !== dial);
    if (rest.length === 0) this.#pending.delete(dial.key);
    else this.#pending.set(dial.key, rest);
    this.#pendingCount -= 1;
    const mailbox = this.#mailboxes.get(sessionId);
    if (mailbox === undefined) return true;
    const at = mailbox.untold.indexOf(dial);
    if (at >= 0) mailbox.untold.splice(at, 1);
    if (mailbox.untold.length === 0 && mailbox.watchers.length === 0) this.#mailboxes.delete(sessionId);
    return true;
  }
}

function keyOf(sessionId: string, info: StreamInfo): string {
  return `${sessionId} ${encodeConnectionId(info.connectionId).toString('base64')}`;
}
