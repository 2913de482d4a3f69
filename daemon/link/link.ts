import { Code, ConnectError } from '@connectrpc/connect';
import type { Logger } from '#base/common/log.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { openPortForward } from '#net/port-forward/open-port-forward.ts';
import { PortForwardError } from '#net/port-forward/port-forward-target.ts';
import { managerTunnelPath } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { findManagerPod, type ManagerPod } from './find-manager.ts';
import { type DesktopClient, type ManagerClient, WireSession } from './wire-session.ts';

/** Port-forwards that carry tunnels at the same time; more are opened only where the peer's stream limit asks for them. */
const sharedForwards = 3;
const maxForwards = 64;

/** Opening a port-forward to a pod of a healthy cluster takes 30 ms; a slow one far away some seconds. */
const openTimeoutMs = 10_000;

/** A tunnel and the session that carries it. */
export interface CarriedTunnel {
  readonly tunnel: TunnelDuplex;
  readonly carrier: WireSession;
}

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
  readonly #end = new AbortController();
  #opening: Promise<boolean> | undefined;

  private constructor(kube: KubeClient, pod: ManagerPod, control: WireSession, logger: Logger) {
    this.pod = pod;
    this.#kube = kube;
    this.#logger = logger;
    this.#control = control;
    this.closed = control.leaving.then(() => this.destroy());
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
      const control = await openSession(kube, pod, signal);
      return new Link(kube, pod, control, logger);
    } catch (error) {
      kube.close();
      throw error;
    }
  }

  get manager(): ManagerClient {
    return this.#control.manager;
  }

  /** Of other traffic-managers than ours, every call is `Unimplemented`. */
  get desktop(): DesktopClient {
    return this.#control.desktop;
  }

  async lookupDns(request: Parameters<WireSession['lookupDns']>[0], signal: AbortSignal): ReturnType<WireSession['lookupDns']> {
    return await this.#control.lookupDns(request, signal);
  }

  get isOpen(): boolean {
    return this.#control.isOpen;
  }

  stats(): { readonly forwards: number; readonly streams: number } {
    const all = [this.#control, ...this.#forwards];
    return { forwards: all.length, streams: all.reduce((sum, session) => sum + session.tunnels, 0) };
  }

  /**
   * Opens a tunnel on the least busy session; opens another session behind its back where all are busy, and first where all are full.
   *
   * @throws AppError where all are full and no other can be had.
   */
  async openTunnel(info: StreamInfo, signal: AbortSignal): Promise<CarriedTunnel> {
    let carrier = this.#pick();
    while (carrier === undefined && (await untilAborted(this.#grow(maxForwards), signal))) carrier = this.#pick();
    if (carrier === undefined) {
      throw new AppError({
        code: 'connection.lost',
        message: 'The way to the traffic-manager has no room for another connection',
      });
    }
    // In the same turn as the choice: of hundreds that waited for one session, each sees those before it.
    return { tunnel: carrier.openTunnel(managerTunnelPath, info), carrier };
  }

  destroy(): void {
    this.#end.abort();
    this.#control.destroy();
    for (const session of this.#forwards) session.destroy();
    this.#kube.close();
  }

  /** Waits for one answer on every session; those that stay silent are ended. */
  async probe(timeoutMs: number): Promise<void> {
    await Promise.all(this.#sessions().map((session) => probeSession(session, timeoutMs)));
  }

  #pick(): WireSession | undefined {
    // Tunnels keep off the session of the calls where they can: a look-up should not queue behind a download.
    const candidates = this.#forwards.filter((session) => session.isOpen && session.hasRoom);
    const best = candidates.toSorted((a, b) => a.tunnels - b.tunnels)[0];
    if (best === undefined || best.tunnels > 0) void this.#grow(sharedForwards);
    return best ?? (this.#control.hasRoom ? this.#control : undefined);
  }

  #sessions(): WireSession[] {
    return [this.#control, ...this.#forwards].filter((session) => session.isOpen);
  }

  /** @returns whether there is another session now. */
  #grow(limit: number): Promise<boolean> {
    if (this.#forwards.length >= limit || !this.isOpen) return Promise.resolve(false);
    this.#opening ??= this.#addForward().finally(() => (this.#opening = undefined));
    return this.#opening;
  }

  async #addForward(): Promise<boolean> {
    try {
      const session = await openSession(
        this.#kube,
        this.pod,
        AbortSignal.any([this.#end.signal, AbortSignal.timeout(openTimeoutMs)]),
      );
      this.#forwards.push(session);
      void session.closed.then(() => this.#forwards.splice(this.#forwards.indexOf(session), 1));
      if (!this.#end.signal.aborted) return true;
      session.destroy();
    } catch (error) {
      if (!this.#end.signal.aborted) this.#logger.warn('No further port-forward', { error });
    }
    return false;
  }
}

async function openSession(kube: KubeClient, pod: ManagerPod, signal: AbortSignal): Promise<WireSession> {
  const opening = openPortForward(kube.credentials, pod, { signal });
  try {
    return await WireSession.open(await untilAborted(opening, signal));
  } catch (error) {
    // One that comes after all, since its credentials took long, has nobody to end it.
    opening.then(
      (late) => late.destroy(),
      () => undefined,
    );
    // Of the WebSocket library, which gives no code: the handshake took too long, or was no handshake.
    const isBare = error instanceof Error && error.name === 'Error' && !('code' in error);
    throw isBare && !signal.aborted ? new PortForwardError(error.message, { cause: error }) : error;
  }
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
