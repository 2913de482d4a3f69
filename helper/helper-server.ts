import { chmodSync, chownSync, renameSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import * as z from 'zod/mini';
import { deferred } from '#base/common/deferred.ts';
import type { LogLevel } from '#base/common/log.ts';
import { descriptorOf, peerCredentials, sendDescriptors } from '#base/node/linux-sockets.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { helperMaxLineBytes } from '#protocol/helper/helper-api.ts';
import { splitLines } from '#protocol/helper/helper-lines.ts';
import { Claims } from './claims.ts';
import { ControlSession } from './control-session.ts';
import type { Laptop } from './laptop.ts';
import { undoEntries } from './undo.ts';

export interface HelperServerOptions {
  readonly socketPath: string;
  /** The one user, beside root, who may connect. */
  readonly uid: number;
  /** The helper ends when there was no control connection for so long; `undefined`: a service of the system, which stays. */
  readonly leaseMs: number | undefined;
  readonly setLogLevel: (level: LogLevel) => void;
  /** After each call. */
  readonly onAnswered: () => void;
}

const claimDeadlineMs = 5_000;
/** A connection that has not said what it wants by then is closed. */
const greetingDeadlineMs = 5_000;

const claimLine = z.strictObject({ claim: z.string() });
const callLine = z.strictObject({ id: z.int(), call: z.string(), input: z.unknown() });

/**
 * Listens for the daemon. Everything that changes the laptop runs one after another, whichever connection asked.
 *
 * ```
 * starting → serving ⇄ without connection ─(lease over)→ stopping → ended
 *               └──────────(quit, signal)──────────────────↗
 * ```
 *
 * A service of the system has no lease, and ends by a signal only.
 */
export class HelperServer {
  readonly #laptop: Laptop;
  readonly #options: HelperServerOptions;
  readonly #server: Server;
  readonly #claims = new Claims(claimDeadlineMs);
  readonly #connections = new Map<Socket, ControlSession>();
  readonly #ended = deferred<boolean>();
  #lastChange: Promise<unknown> = Promise.resolve();
  #leaseTimer: NodeJS.Timeout | undefined;
  #isQuitting = false;
  #stopping: Promise<void> | undefined;

  constructor(laptop: Laptop, options: HelperServerOptions) {
    this.#laptop = laptop;
    this.#options = options;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** Settles when the helper has stopped: whether everything was undone. */
  get ended(): Promise<boolean> {
    return this.#ended.promise;
  }

  /** Replaces the socket of a dead helper; the caller holds the instance's lock, so there is no living one. */
  async start(): Promise<void> {
    const { socketPath, uid } = this.#options;
    // Under another name until it belongs to the user: whoever sees the socket can connect.
    const unfinishedPath = `${socketPath}.new`;
    rmSync(unfinishedPath, { force: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once('error', reject);
    this.#server.listen({ path: unfinishedPath }, resolve);
    await promise;
    chmodSync(unfinishedPath, 0o600);
    chownSync(unfinishedPath, uid, 0);
    renameSync(unfinishedPath, socketPath);
    this.#watchLease();
  }

  /** Undoes everything. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#leaseTimer);
    this.#claims.clear();
    this.#server.close();
    rmSync(this.#options.socketPath, { force: true });
    const sessions = [...this.#connections.values()];
    await this.#change(async () => {
      for (const session of sessions) await session.close();
    });
    for (const socket of this.#connections.keys()) socket.destroy();
    this.#ended.resolve(await this.#change(() => undoEntries(this.#laptop)));
  }

  #accept(socket: Socket): void {
    socket.on('error', () => undefined);
    const refusal = this.#refusePeer(socket);
    if (refusal !== undefined) {
      this.#laptop.log.warn('Connection refused', { reason: refusal.reason });
      socket.resume();
      socket.end(`${JSON.stringify({ error: refusal.toData() })}\n`);
      return;
    }
    if (this.#stopping !== undefined) {
      socket.destroy();
      return;
    }
    const session = new ControlSession(this.#laptop, {
      offerClaim: (claim, handover, expire) => this.#claims.offer(claim, handover, () => void this.#change(expire)),
      isService: this.#options.leaseMs === undefined,
      setLogLevel: (level) => this.#options.setLogLevel(level),
      quitWhenIdle: () => {
        // A service only takes leave, once the answer is on its way: it would be started again anyhow.
        if (this.#options.leaseMs === undefined) setImmediate(() => socket.end());
        else this.#isQuitting = true;
      },
    });
    this.#connections.set(socket, session);
    const deadline = setTimeout(() => {
      if (!session.isGreeted) socket.destroy();
    }, greetingDeadlineMs);
    void this.#serve(socket, session).finally(() => clearTimeout(deadline));
  }

  #refusePeer(socket: Socket): AppError | undefined {
    const refused = (reason: string) =>
      new AppError({ code: 'helper.refused', message: 'The privileged helper does not serve this user', reason });
    try {
      const { uid, pid } = peerCredentials(descriptorOf(socket));
      if (uid === 0 || uid === this.#options.uid) return undefined;
      return refused(`process ${pid} belongs to user ${uid}, the helper serves user ${this.#options.uid}`);
    } catch (error) {
      return refused(error instanceof Error ? error.message : String(error));
    }
  }

  async #serve(socket: Socket, session: ControlSession): Promise<void> {
    try {
      let rest = '';
      socket.setEncoding('utf8');
      for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
        const split = splitLines(rest, String(chunk), helperMaxLineBytes);
        if (split === undefined) throw invalidLine(`a line is longer than ${helperMaxLineBytes} bytes`);
        rest = split.rest;
        for (const line of split.lines) await this.#answer(socket, session, line);
      }
    } catch (error) {
      // A broken connection ends like a closed one; only what the peer did wrong is told.
      if (error instanceof AppError) socket.end(`${JSON.stringify({ error: error.toData() })}\n`);
    } finally {
      await this.#change(() => session.close());
      this.#connections.delete(socket);
      socket.destroySoon();
      this.#watchLease();
    }
  }

  /** @throws AppError where the line is none of the protocol, which ends the connection. */
  async #answer(socket: Socket, session: ControlSession, line: string): Promise<void> {
    const value = parseJson(line);
    const claim = claimLine.safeParse(value);
    if (claim.success && !session.isGreeted) {
      this.#handOver(socket, claim.data.claim);
      socket.end();
      return;
    }
    const call = callLine.safeParse(value);
    if (!call.success) throw invalidLine('it is neither a call nor a claim');
    const { id, call: name, input } = call.data;
    let answer: object;
    try {
      answer = { id, output: await this.#change(() => session.handle(name, input)) };
    } catch (error) {
      const data = AppError.from(error).toData();
      this.#laptop.log.warn('Call failed', { call: name, ...data });
      answer = { id, error: data };
    }
    socket.write(`${JSON.stringify(answer)}\n`);
    this.#options.onAnswered();
    this.#watchLease();
  }

  #handOver(socket: Socket, claim: string): void {
    const handover = this.#claims.take(claim);
    if (handover === undefined || handover.descriptors.length === 0)
      throw invalidLine('there is no such claim, or it is too late');
    // The lease stays with the control connection; if the descriptors get lost here, the device goes with the last of them.
    sendDescriptors(descriptorOf(socket), Buffer.from('f'), handover.descriptors);
    handover.releaseDescriptors();
  }

  #watchLease(): void {
    const sessions = [...this.#connections.values()];
    clearTimeout(this.#leaseTimer);
    if (this.#stopping !== undefined) return;
    if (this.#isQuitting && !sessions.some((session) => session.hasInterfaces)) {
      // After the answer to `quit` is on its way.
      setImmediate(() => void this.stop());
      return;
    }
    const { leaseMs } = this.#options;
    if (leaseMs === undefined || sessions.some((session) => session.isGreeted)) return;
    this.#leaseTimer = setTimeout(() => {
      this.#laptop.log.info('No connection, ending', { leaseMs });
      void this.stop();
    }, leaseMs);
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(work);
    this.#lastChange = result.catch(() => undefined);
    return result;
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function invalidLine(reason: string): AppError {
  return new AppError({ code: 'helper.invalid-request', message: 'The helper did not understand the request', reason });
}
