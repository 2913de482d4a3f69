import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { openPortForward } from '#net/port-forward/port-forward.ts';
import { managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { findManagerPod, type ManagerPod } from './find-manager.ts';
import { WireSession, type ManagerClient } from './wire-session.ts';

/** Port-forwards that carry tunnels at the same time; more are opened only where the peer's stream limit asks for them. */
const sharedForwards = 3;
const maxForwards = 64;

/** Opening a port-forward to a pod of a healthy cluster takes 30 ms; a slow one far away some seconds. */
const openTimeoutMs = 10_000;

/**
 * The way to one traffic-manager pod: a first session for calls (and tunnels, until there are more) and further ones for tunnels. It
 * lives until its first session ends or stops answering; then all of it ends, and a new link has to be made.
 */
export class Link {
  readonly pod: ManagerPod;
  readonly closed: Promise<void>;
  readonly #kube: KubeClient;
  readonly #logger: Logger;
  readonly #control: WireSession;
  readonly #forwards: WireSession[] = [];
  #opening: Promise<void> | undefined;

  private constructor(kube: KubeClient, pod: ManagerPod, control: WireSession, logger: Logger) {
    this.pod = pod;
    this.#kube = kube;
    this.#logger = logger;
    this.#control = control;
    this.closed = control.closed.then(() => this.destroy());
  }

  /** Finds the traffic-manager's pod and opens the first session. */
  static async open(kube: KubeClient, namespace: string, logger: Logger, signal: AbortSignal): Promise<Link> {
    const pod = await findManagerPod(kube, namespace, signal);
    const control = await openSession(kube, pod, signal);
    return new Link(kube, pod, control, logger);
  }

  get manager(): ManagerClient {
    return this.#control.manager;
  }

  get isOpen(): boolean {
    return this.#control.isOpen;
  }

  stats(): { readonly forwards: number; readonly streams: number } {
    const all = [this.#control, ...this.#forwards];
    return { forwards: all.length, streams: all.reduce((sum, session) => sum + session.tunnels, 0) };
  }

  /** Opens a tunnel on the least busy session; opens another session behind its back where all are busy. */
  openTunnel(info: StreamInfo): TunnelDuplex {
    return this.#pick().openTunnel(managerTunnelPath, info);
  }

  /** Resolves when a tunnel can be opened without exceeding the peer's limit, or no way to that is left. */
  async makeRoom(): Promise<void> {
    if (!this.#sessions().some((session) => session.hasRoom)) await this.#grow(maxForwards);
  }

  destroy(): void {
    this.#control.destroy();
    for (const session of this.#forwards) session.destroy();
  }

  /** Waits for one answer on every session; those that stay silent are ended. */
  async probe(timeoutMs: number): Promise<void> {
    await Promise.all(this.#sessions().map((session) => probeSession(session, timeoutMs)));
  }

  #pick(): WireSession {
    // Tunnels keep off the session of the calls where they can: a look-up should not queue behind a download.
    const candidates = this.#forwards.filter((session) => session.isOpen && session.hasRoom);
    const best = candidates.toSorted((a, b) => a.tunnels - b.tunnels)[0];
    if (best === undefined || best.tunnels > 0) void this.#grow(sharedForwards);
    return best ?? this.#control;
  }

  #sessions(): WireSession[] {
    return [this.#control, ...this.#forwards].filter((session) => session.isOpen);
  }

  #grow(limit: number): Promise<void> {
    if (this.#forwards.length >= limit || !this.isOpen) return Promise.resolve();
    this.#opening ??= this.#addForward().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #addForward(): Promise<void> {
    try {
      const session = await openSession(this.#kube, this.pod, AbortSignal.timeout(openTimeoutMs));
      if (!this.isOpen) session.destroy();
      this.#forwards.push(session);
      void session.closed.then(() => this.#forwards.splice(this.#forwards.indexOf(session), 1));
    } catch (error) {
      this.#logger.warn('No further port-forward', { error });
    }
  }
}

async function openSession(kube: KubeClient, pod: ManagerPod, signal: AbortSignal): Promise<WireSession> {
  return await WireSession.open(await openPortForward(kube.credentials, pod, { signal }));
}

/** Any answer will do, an error of the traffic-manager too, and any other byte; silence ends the session. */
async function probeSession(session: WireSession, timeoutMs: number): Promise<void> {
  const before = session.bytesReceived;
  try {
    await session.manager.version({}, { timeoutMs });
  } catch (error) {
    const isSilent = ConnectError.from(error).code === Code.DeadlineExceeded || ConnectError.from(error).code === Code.Canceled;
    if (isSilent && session.bytesReceived === before) session.destroy();
  }
}
