import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient } from '@connectrpc/connect';
import { createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { desktopProduct, wireVersion } from '#protocol/cluster/desktop-wire.ts';
import {
  InterceptDispositionType,
  Manager,
  type SessionInfo,
  WorkloadEvent_Type,
} from '#protocol/cluster/generated/manager_pb.js';

interface Member {
  readonly manager: Client<typeof Manager>;
  readonly session: SessionInfo;
}

const beatMs = 5_000;
const [product, version] = [desktopProduct, wireVersion];

/**
 * Many laptops and agents without anything behind them: sessions with a traffic-manager, on connections of their own, that beat, watch and
 * review as real ones do.
 */
export class WireFleet {
  readonly #url: string;
  readonly #namespace: string;
  readonly #stop = new AbortController();
  readonly #connections: Http2SessionManager[] = [];
  readonly #running: Promise<void>[] = [];
  readonly laptops: Member[] = [];
  /** What each laptop knows of workloads: by name, who intercepts it. */
  readonly #seen: Map<string, string>[] = [];
  readonly #waiters = new Set<() => void>();

  constructor(url: string, namespace: string) {
    this.#url = url;
    this.#namespace = namespace;
  }

  async addLaptops(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const manager = this.#connect();
      const [name, namespace] = [`dev-${index}@laptop-${index}`, this.#namespace];
      const session = await manager.arriveAsClient({ name, namespace, installId: `fleet-${index}`, product, version });
      this.laptops.push({ manager, session });
      this.#run(async () => await this.#beat(manager, session));
      this.#run(async () => await this.#watchWorkloads(manager, session));
    }
  }

  /** Agents of the workloads, which take every intercept. */
  async addAgents(workloads: readonly string[]): Promise<void> {
    for (const [index, name] of workloads.entries()) {
      const manager = this.#connect();
      const session = await manager.arriveAsAgent({
        name,
        namespace: this.#namespace,
        podName: `${name}-${index}`,
        podIp: `10.99.${index >> 8}.${index & 255}`,
        apiPort: 9980,
        product,
        version,
        mechanisms: [{ name: 'tcp', product, version }],
      });
      this.#run(async () => await this.#beat(manager, session));
      this.#run(async () => {
        for await (const { intercepts } of manager.watchIntercepts(session, { signal: this.#stop.signal })) {
          for (const { id, disposition } of intercepts) {
            if (disposition !== InterceptDispositionType.WAITING) continue;
            await manager.reviewIntercept({ session, id, disposition: InterceptDispositionType.ACTIVE, podIp: '10.99.0.1' });
          }
        }
      });
    }
  }

  /** How many workloads the laptop that knows the fewest knows. */
  get knownWorkloads(): number {
    return Math.min(...this.#seen.map((known) => known.size));
  }

  /** Resolves when every laptop knows it so. */
  async untilAllSee(isSo: (known: ReadonlyMap<string, string>) => boolean, timeoutMs = 20_000): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs);
    for (let lagging = this.#seen; ; ) {
      lagging = lagging.filter((known) => !isSo(known));
      if (lagging.length === 0) return;
      if (deadline.aborted)
        throw new Error(`${lagging.length} of ${this.#seen.length} laptops were not told within ${timeoutMs} ms`);
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiters.add(resolve);
      const timer = setTimeout(resolve, 1_000);
      await promise;
      clearTimeout(timer);
      this.#waiters.delete(resolve);
    }
  }

  async end(): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.laptops.map(async ({ manager, session }) => await manager.depart(session)));
    for (const connection of this.#connections) connection.abort();
    await Promise.all(this.#running);
  }

  #connect(): Client<typeof Manager> {
    const sessionManager = new Http2SessionManager(this.#url);
    this.#connections.push(sessionManager);
    return createClient(Manager, createGrpcTransport({ baseUrl: this.#url, sessionManager }));
  }

  /** Work that ends with the fleet; what ends it earlier fails a wait. */
  #run(work: () => Promise<void>): void {
    this.#running.push(work().catch((error: unknown) => (this.#stop.signal.aborted ? undefined : console.error(error))));
  }

  async #beat(manager: Client<typeof Manager>, session: SessionInfo): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      await manager.remain({ session }, { signal });
      await sleep(beatMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #watchWorkloads(manager: Client<typeof Manager>, sessionInfo: SessionInfo): Promise<void> {
    const known = new Map<string, string>();
    this.#seen.push(known);
    for await (const { events, isSnapshot } of manager.watchWorkloads({ sessionInfo }, { signal: this.#stop.signal })) {
      if (isSnapshot) known.clear();
      for (const { type, workload } of events) {
        if (workload === undefined) continue;
        if (type === WorkloadEvent_Type.DELETED) known.delete(workload.name);
        else known.set(workload.name, workload.interceptClients.map(({ client }) => client).join());
      }
      for (const wake of this.#waiters) wake();
    }
  }
}
