import { setTimeout as sleep } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { durationMs } from '@bufbuild/protobuf/wkt';
import { type Client, Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcTransport } from '@connectrpc/connect-node';
import type { Logger } from '#base/common/log.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import {
  type AgentInfoSchema,
  type InterceptInfo,
  Manager,
  type ReviewInterceptRequestSchema,
  type SessionInfo,
} from '#protocol/cluster/generated/manager_pb.js';
import { ManagerConnection } from './manager-connection.ts';
import { ManagerTunnels } from './manager-tunnels.ts';

export interface ManagerSessionOptions {
  /** `http://host:port` */
  readonly url: string;
  readonly agent: MessageInitShape<typeof AgentInfoSchema>;
  readonly logger: Logger;
  /** All intercepts of the workload, at first and after each change. */
  readonly onIntercepts: (intercepts: readonly InterceptInfo[], session: AgentSession) => void;
  readonly onLogLevel: (level: string, durationMs: number) => void;
  /** Default: `managerTiming`. */
  readonly timing?: Partial<ManagerTiming>;
}

/** The session as it is for one arrival. */
export interface AgentSession {
  readonly info: SessionInfo;
  /** Aborts when the session is given up. */
  readonly signal: AbortSignal;
  review(request: MessageInitShape<typeof ReviewInterceptRequestSchema>): Promise<void>;
}

export interface ManagerTiming {
  /** Below a third of the time after which the traffic-manager forgets an agent. */
  readonly remainEveryMs: number;
  readonly callTimeoutMs: number;
  /** Doubled with every attempt. */
  readonly firstRetryMs: number;
  readonly maxRetryMs: number;
  readonly rewatchMs: number;
}

const managerTiming: ManagerTiming = {
  remainEveryMs: 4_000,
  callTimeoutMs: 5_000,
  firstRetryMs: 250,
  maxRetryMs: 5_000,
  rewatchMs: 1_000,
};

/**
 * The agent's session with the traffic-manager, kept up until it is stopped: `arriving → up → arriving …`. While there is none, the last
 * known intercepts stay in place, for laptops that reach the pod directly go on.
 */
export class ManagerSession {
  readonly #options: ManagerSessionOptions;
  readonly #timing: ManagerTiming;
  readonly #stop = new AbortController();
  readonly #connection: ManagerConnection;
  readonly #manager: Client<typeof Manager>;
  readonly #desktop: Client<typeof Desktop>;
  readonly #tunnels: ManagerTunnels;
  #session: AgentSession | undefined;
  #running: Promise<unknown> | undefined;
  /** The session that it took leave of: callers still come to a pod that ends, and the traffic-manager brings them to laptops for a while. */
  #departed: SessionInfo | undefined;

  constructor(options: ManagerSessionOptions) {
    this.#options = options;
    this.#timing = { ...managerTiming, ...options.timing };
    const connection = new ManagerConnection(options.url);
    this.#connection = connection;
    const transport = createGrpcTransport({
      baseUrl: options.url,
      sessionManager: {
        authority: options.url,
        request: async (method, path, headers, streamOptions) =>
          connection.session().request({ ...headers, ':method': method, ':path': path }, streamOptions),
        notifyResponseByteRead: () => undefined,
      },
    });
    this.#manager = createClient(Manager, transport);
    this.#desktop = createClient(Desktop, transport);
    this.#tunnels = new ManagerTunnels(options.url);
  }

  /** Begins to arrive; never waits for the traffic-manager, since the pod must not. */
  start(): void {
    this.#running ??= Promise.all([this.#keep(), this.#watchLogLevel()]);
  }

  /** A tunnel that the traffic-manager joins with one that it asks the laptop for. @throws Error without a session. */
  openJoined(info: StreamInfo): TunnelDuplex {
    const session = this.#session?.info ?? this.#departed;
    if (session === undefined) throw new Error('There is no session with the traffic-manager');
    return this.#tunnels.openJoined(info, session.sessionId);
  }

  /** Whether a laptop may use this agent. @throws where that cannot be asked at the moment. */
  async checkCaller(caller: string, signal: AbortSignal): Promise<boolean> {
    const session = this.#session?.info;
    if (session === undefined) throw new Error('There is no session with the traffic-manager');
    const { allowed } = await this.#desktop.checkCaller({ session, caller }, { signal });
    return allowed;
  }

  /** Says goodbye, where that can still be said. Tunnels go on, and new ones can be opened until they are destroyed. */
  async stop(): Promise<void> {
    const session = this.#session;
    this.#departed ??= session?.info;
    this.#session = undefined;
    this.#stop.abort();
    if (session !== undefined) await this.#manager.depart(session.info, { timeoutMs: 500 }).catch(() => undefined);
    await this.#running;
    this.#connection.destroy();
  }

  /** Ends the tunnels by way of the traffic-manager. */
  destroyTunnels(): void {
    this.#tunnels.destroy();
  }

  async #keep(): Promise<void> {
    const { firstRetryMs, maxRetryMs, callTimeoutMs } = this.#timing;
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      const end = new AbortController();
      try {
        const info = await this.#manager.arriveAsAgent(this.#options.agent, { signal, timeoutMs: callTimeoutMs });
        this.#options.logger.info('Arrived at the traffic-manager', { session: info.sessionId });
        attempt = 0;
        await this.#run(info, AbortSignal.any([signal, end.signal]));
      } catch (error) {
        if (signal.aborted) return;
        this.#options.logger.warn('There is no session with the traffic-manager', { attempt, error: describe(error) });
      } finally {
        this.#session = undefined;
        end.abort();
      }
      await pause(Math.min(firstRetryMs * 2 ** Math.min(attempt, 10), maxRetryMs), signal);
    }
  }

  /** Returns or throws when the session is of no more use. */
  async #run(info: SessionInfo, signal: AbortSignal): Promise<void> {
    const { callTimeoutMs: timeoutMs } = this.#timing;
    const session: AgentSession = {
      info,
      signal,
      review: async (request) => void (await this.#manager.reviewIntercept({ ...request, session: info }, { signal, timeoutMs })),
    };
    this.#session = session;
    await Promise.race([this.#remain(info, signal), this.#watchIntercepts(session)]);
  }

  async #remain(session: SessionInfo, signal: AbortSignal): Promise<void> {
    const { remainEveryMs, callTimeoutMs: timeoutMs } = this.#timing;
    while (!signal.aborted) {
      await pause(remainEveryMs, signal);
      try {
        await this.#manager.remain({ session }, { signal, timeoutMs });
      } catch (error) {
        // Silence may pass; being unknown does not.
        if (isUnknown(error)) throw error;
      }
    }
  }

  async #watchIntercepts(session: AgentSession): Promise<void> {
    const { signal, info } = session;
    while (!signal.aborted) {
      try {
        for await (const { intercepts } of this.#manager.watchIntercepts(info, { signal })) {
          this.#options.onIntercepts(intercepts, session);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isUnknown(error)) throw error;
        this.#options.logger.warn('The watch of intercepts broke', { error: describe(error) });
      }
      await pause(this.#timing.rewatchMs, signal);
    }
  }

  async #watchLogLevel(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        for await (const { logLevel, duration } of this.#manager.watchLogLevel({}, { signal })) {
          this.#options.onLogLevel(logLevel, duration === undefined ? 0 : durationMs(duration));
        }
      } catch {
        // Of no consequence for the agent's work, and the session reports what is wrong.
      }
      await pause(this.#timing.maxRetryMs, signal);
    }
  }
}

function isUnknown(error: unknown): boolean {
  return ConnectError.from(error).code === Code.NotFound;
}

function describe(error: unknown): string {
  return ConnectError.from(error).message;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}
