import type { ServerHttp2Stream } from 'node:http2';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { GrpcServer } from '#net/grpc/grpc-server.ts';
import { acceptTunnel } from '#net/tunnel/accept-tunnel.ts';
import { FrameDecoder } from '#net/tunnel/framing.ts';
import { managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import { tunnelCode } from '#net/tunnel/tunnel-code.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { Desktop } from '#protocol/cluster/generated/desktop_pb.js';
import {
  type AgentInfo,
  InterceptDispositionType,
  type InterceptInfo,
  InterceptInfoSchema,
  Manager,
  type ReviewInterceptRequest,
} from '#protocol/cluster/generated/manager_pb.js';

/** A tunnel that an agent opened to be joined. */
export interface JoinedTunnel {
  readonly info: StreamInfo;
  /** What the second message said. */
  readonly laptopSession: string;
  readonly tunnel: TunnelDuplex;
}

/** For tests: a traffic-manager that knows agents and intercepts, on real HTTP/2. */
export class FakeManager {
  readonly arrivals: AgentInfo[] = [];
  readonly reviews: ReviewInterceptRequest[] = [];
  readonly departed: string[] = [];
  /** Sessions that agents are told not to serve. */
  readonly strangers = new Set<string>();
  /** What becomes of a tunnel; by default it is reset, as where no laptop watches. */
  onTunnel: (joined: JoinedTunnel) => void = ({ tunnel }) => tunnel.destroy();
  /** Watches of intercepts that there were so far. */
  watchCount = 0;
  readonly #sessions = new Set<string>();
  readonly #watches = new Set<() => void>();
  readonly #conditions = new Set<() => void>();
  #intercepts: readonly InterceptInfo[] = [];
  #server: GrpcServer | undefined;
  #arrivalCount = 0;

  /** @returns the port */
  async start(port = 0, host = '127.0.0.1'): Promise<number> {
    this.#server = new GrpcServer({
      routes: (router) => {
        router.service(Desktop, {
          checkCaller: ({ session, caller }) => {
            this.#check(session?.sessionId);
            return { allowed: !this.strangers.has(caller) };
          },
        });
        router.service(Manager, {
          arriveAsAgent: (agent) => {
            this.arrivals.push(agent);
            this.#arrivalCount += 1;
            const sessionId = `agent:${this.#arrivalCount}`;
            this.#sessions.add(sessionId);
            this.#changed();
            return { sessionId };
          },
          remain: ({ session }) => {
            this.#check(session?.sessionId);
            return {};
          },
          depart: ({ sessionId }) => {
            this.#sessions.delete(sessionId);
            this.departed.push(sessionId);
            this.#changed();
            return {};
          },
          reviewIntercept: (review) => {
            this.#check(review.session?.sessionId);
            this.reviews.push(review);
            const { disposition, message } = review;
            this.#intercepts = this.#intercepts.map((one) => (one.id === review.id ? { ...one, disposition, message } : one));
            this.#changed();
            return {};
          },
          watchIntercepts: (session, { signal }) => this.#watchIntercepts(session.sessionId, signal),
        });
      },
      rawCalls: new Map([[managerTunnelPath, (stream) => void this.#serveTunnel(stream)]]),
    });
    return await this.#server.listen(port, host);
  }

  async stop(): Promise<void> {
    await this.#server?.stop(0);
  }

  /** Forgets every session, as after a restart. */
  forgetSessions(): void {
    this.#sessions.clear();
    this.#changed();
  }

  setIntercepts(...intercepts: MessageInitShape<typeof InterceptInfoSchema>[]): void {
    this.#intercepts = intercepts.map((intercept) =>
      create(InterceptInfoSchema, { disposition: InterceptDispositionType.WAITING, ...intercept }),
    );
    this.#changed();
  }

  dispositionOf(id: string): InterceptDispositionType | undefined {
    return this.#intercepts.find((intercept) => intercept.id === id)?.disposition;
  }

  /** Resolves when the condition holds, which is looked at after every call. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>((resolve) => this.#conditions.add(resolve));
    }
  }

  async *#watchIntercepts(sessionId: string, signal: AbortSignal) {
    let wake: () => void = () => undefined;
    const woken = () => wake();
    this.#watches.add(woken);
    this.watchCount += 1;
    this.#changed();
    signal.addEventListener('abort', woken);
    try {
      while (!signal.aborted) {
        this.#check(sessionId);
        const changed = new Promise<void>((resolve) => (wake = resolve));
        yield { intercepts: [...this.#intercepts] };
        await changed;
      }
    } finally {
      this.#watches.delete(woken);
    }
  }

  async #serveTunnel(stream: ServerHttp2Stream): Promise<void> {
    let laptopSession: string | undefined;
    const decoder = new FrameDecoder(
      {
        data: () => undefined,
        control: (code, rest) => {
          if (code === tunnelCode.session) laptopSession = rest.toString();
        },
      },
      { datagrams: true },
    );
    stream.on('data', (chunk: Buffer) => {
      if (laptopSession === undefined) decoder.push(chunk);
    });
    const { info, tunnel } = await acceptTunnel(stream);
    tunnel.on('error', () => undefined);
    this.onTunnel({ info, tunnel, laptopSession: laptopSession ?? '' });
  }

  #check(sessionId: string | undefined): void {
    if (!this.#sessions.has(sessionId ?? '')) throw new ConnectError('The session is not known', Code.NotFound);
  }

  #changed(): void {
    for (const wake of this.#watches) wake();
    for (const wake of this.#conditions) wake();
    this.#conditions.clear();
  }
}
