import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelOptions } from '../data-path/tunnel-dialer.ts';
import { findManagerPod, type ManagerPod } from './find-manager.ts';
import { openSession } from './open-session.ts';
import { type CarriedTunnel, SessionPool } from './session-pool.ts';
import { type DesktopClient, type ManagerClient, WireSession } from './wire-session.ts';

/** Port-forwards that carry tunnels at the same time; more are opened only where the peer's stream limit asks for them. */
const sharedForwards = 3;
const maxForwards = 64;

/**
 * The way to one traffic-manager pod: a first session for calls (and tunnels, until there are more) and further ones for tunnels. It
 * lives until its first session ends or stops answering; then all of it ends, and a new link has to be made.
 */
export class Link {
  readonly pod: ManagerPod;
  readonly closed: Promise<void>;
  readonly #kube: KubeClient;
  readonly #pool: SessionPool;

  private constructor(kube: KubeClient, pod: ManagerPod, first: WireSession, logger: Logger) {
    this.pod = pod;
    this.#kube = kube;
    this.#pool = new SessionPool({
      first,
      open: (speak, signal) => openSession(kube.credentials, pod, speak, signal),
      tunnelPath: managerTunnelPath,
      sharedForwards,
      maxForwards,
      peer: 'the traffic-manager',
      ask: (session, timeoutMs) => session.manager.version({}, { timeoutMs }),
      logger,
    });
    this.closed = first.leaving.then(() => this.destroy());
  }

  /** Finds the traffic-manager's pod and opens the first session. The client is the link's from then on, on failure too. */
  static async open(
    kube: KubeClient,
    namespace: string,
    logger: Logger,
    signal: AbortSignal,
    onFound?: () => void,
  ): Promise<Link> {
    try {
      const pod = await findManagerPod(kube, namespace, signal);
      onFound?.();
      const first = await openSession(kube.credentials, pod, (forward) => WireSession.open(forward, managerTunnelPath), signal);
      return new Link(kube, pod, first, logger);
    } catch (error) {
      kube.close();
      throw error;
    }
  }

  get manager(): ManagerClient {
    return this.#pool.first.manager;
  }

  /** Of other traffic-managers than ours, every call is `Unimplemented`. */
  get desktop(): DesktopClient {
    return this.#pool.first.desktop;
  }

  async lookupDns(request: Parameters<WireSession['lookupDns']>[0], signal: AbortSignal): ReturnType<WireSession['lookupDns']> {
    return await this.#pool.lookupDns(request, signal);
  }

  get isOpen(): boolean {
    return this.#pool.first.isOpen;
  }

  stats(): { readonly forwards: number; readonly streams: number } {
    return this.#pool.stats();
  }

  /** @throws AppError where there is no room for another and none can be made. */
  async openTunnel(info: StreamInfo, signal: AbortSignal, options?: TunnelOptions): Promise<CarriedTunnel> {
    return await this.#pool.openTunnel(info, signal, options);
  }

  destroy(): void {
    this.#pool.destroy();
    this.#kube.close();
  }

  /** Waits for one answer on every session; those that stay silent are ended. */
  async probe(timeoutMs: number): Promise<void> {
    await this.#pool.probe(timeoutMs);
  }
}
