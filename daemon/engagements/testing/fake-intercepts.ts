import { EventEmitter, on } from 'node:events';
import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from '@connectrpc/connect';
import { parseIp } from '#base/common/ip.ts';
import { type ConnectionId, describeConnection, encodeConnectionId, type StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import {
  InterceptDispositionType,
  type InterceptInfo,
  InterceptInfoSchema,
  type InterceptSpec,
  type Manager,
  type SessionInfo,
} from '#protocol/cluster/generated/manager_pb.js';

/** For tests: the part of a traffic-manager and its agents that engagements deal with. A caller in the cluster is `call`. */
export class FakeIntercepts {
  /** By name; of whatever session. */
  readonly intercepts = new Map<string, InterceptInfo>();
  readonly calls: string[] = [];
  readonly environment: Record<string, string> = { COLOUR: 'green' };
  /** Whether agents take intercepts by themselves. */
  isServed = true;
  /** Runs before each call is answered: throw to fail it, wait to delay it. */
  onCall: (name: string, spec: InterceptSpec | undefined) => Promise<void> | void = () => undefined;
  readonly #events = new EventEmitter().setMaxListeners(100);
  readonly #callers = new Map<string, (tunnel: TunnelDuplex) => void>();
  #lastPort = 40_000;

  readonly service: Partial<ServiceImpl<typeof Manager>> = {
    prepareIntercept: async ({ interceptSpec: spec }) => {
      await this.#called('prepare', spec);
      const isUdp = spec?.portIdentifier.endsWith('/UDP') === true;
      return {
        namespace: 'default',
        workloadKind: 'Deployment',
        serviceName: spec?.agent ?? '',
        serviceUid: 'uid-1',
        servicePortName: 'http',
        servicePort: 80,
        protocol: isUdp ? 'UDP' : 'TCP',
        containerName: 'app',
        containerPort: 8080,
      };
    },
    createIntercept: async ({ session, interceptSpec: spec }) => {
      await this.#called('create', spec);
      if (spec === undefined || session === undefined) throw new ConnectError('Nothing to create', Code.InvalidArgument);
      if (this.intercepts.has(spec.name)) throw new ConnectError(`${spec.name} exists already`, Code.AlreadyExists);
      const info = create(InterceptInfoSchema, {
        spec,
        id: `${session.sessionId}:${spec.name}`,
        clientSession: session,
        disposition: InterceptDispositionType.WAITING,
      });
      this.intercepts.set(spec.name, info);
      this.publish();
      if (this.isServed) setImmediate(() => this.serve(spec.name));
      return info;
    },
    getIntercept: async ({ name }) => this.#find(name),
    removeIntercept: async ({ name }) => {
      await this.#called(`remove ${name}`, undefined);
      this.#find(name);
      this.takeAway(name);
      return {};
    },
    watchIntercepts: (session, context) => this.#snapshots(session, context),
    watchDial: (session, context) => this.#dials(session, context),
  };

  /** A fresh pod's agent takes the intercept. */
  serve(name: string, podIp = '10.244.0.7'): void {
    this.change(name, {
      disposition: InterceptDispositionType.ACTIVE,
      podIp,
      podName: `${name}-0`,
      environment: this.environment,
    });
  }

  change(name: string, change: Partial<InterceptInfo>): void {
    const info = this.intercepts.get(name);
    if (info === undefined) return;
    this.intercepts.set(name, { ...info, ...change });
    this.publish();
  }

  takeAway(name: string): void {
    this.intercepts.delete(name);
    this.publish();
  }

  publish(): void {
    this.#events.emit('intercepts');
  }

  countOf(call: string): number {
    return this.calls.filter((name) => name === call).length;
  }

  /** A connection that an agent accepted: resolves when the laptop has opened its tunnel. */
  async call(target: { readonly ip?: string; readonly port: number; readonly protocol?: 'tcp' | 'udp' }): Promise<TunnelDuplex> {
    const source = parseIp('10.244.0.99');
    const destination = parseIp(target.ip ?? '127.0.0.1');
    if (source === undefined || destination === undefined) throw new Error('No address');
    this.#lastPort += 1;
    const id: ConnectionId = {
      source: { ip: source, port: this.#lastPort },
      destination: { ip: destination, port: target.port },
      protocol: target.protocol ?? 'tcp',
    };
    const { promise, resolve } = Promise.withResolvers<TunnelDuplex>();
    this.#callers.set(describeConnection(id), resolve);
    this.#events.emit('dial', { connId: encodeConnectionId(id), dialTimeout: 2_000_000_000n });
    return await promise;
  }

  /** For the fake traffic-manager's `onTunnel`. */
  join(tunnel: TunnelDuplex, info: StreamInfo): boolean {
    const name = describeConnection(info.connectionId);
    const resolve = this.#callers.get(name);
    this.#callers.delete(name);
    // An accepted tunnel hears of the dial only while it is read.
    tunnel.read(0);
    resolve?.(tunnel);
    return resolve !== undefined;
  }

  async *#snapshots({ sessionId }: SessionInfo, { signal }: HandlerContext) {
    this.calls.push('watchIntercepts');
    const changes = on(this.#events, 'intercepts', { signal });
    const own = () => ({
      intercepts: [...this.intercepts.values()].filter(({ clientSession }) => clientSession?.sessionId === sessionId),
    });
    yield own();
    try {
      for await (const _change of changes) yield own();
    } catch {
      // The watcher has gone.
    }
  }

  async *#dials(_session: SessionInfo, { signal }: HandlerContext) {
    this.calls.push('watchDial');
    try {
      for await (const [request] of on(this.#events, 'dial', { signal })) yield request;
    } catch {
      // The watcher has gone.
    }
  }

  async #called(name: string, spec: InterceptSpec | undefined): Promise<void> {
    this.calls.push(name);
    await this.onCall(name, spec);
  }

  #find(name: string): InterceptInfo {
    const info = this.intercepts.get(name);
    if (info === undefined) throw new ConnectError(`There is no intercept ${name}`, Code.NotFound);
    return info;
  }
}
