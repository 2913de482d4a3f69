import { setTimeout as sleep } from 'node:timers/promises';
import type { IpAddress } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { agentTunnelPath } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import type { DialRequest, SessionInfo } from '#protocol/cluster/generated/manager_pb.js';
import type { TunnelOptions } from '../data-path/tunnel-dialer.ts';
import { openSession } from './open-session.ts';
import { type CarriedTunnel, SessionPool } from './session-pool.ts';
import { WireSession } from './wire-session.ts';

/** A pod that has an agent. */
export interface AgentPod {
  readonly name: string;
  readonly namespace: string;
  readonly ip: IpAddress | undefined;
  readonly apiPort: number;
  /** By this laptop. */
  readonly isIntercepted: boolean;
}

export interface ProbeTiming {
  readonly everyMs: number;
  readonly timeoutMs: number;
}

/** As much in parallel as on the way to the traffic-manager, and little more: what finds no room goes that way. */
const sharedForwards = 2;
const maxForwards = 4;

/** The way to one agent's pod: lives until its first session ends or stops answering. */
export class AgentLink {
  readonly pod: AgentPod;
  readonly closed: Promise<void>;
  readonly #pool: SessionPool;
  readonly #kube: KubeClient;
  readonly #end = new AbortController();

  private constructor(kube: KubeClient, pod: AgentPod, first: WireSession, probe: ProbeTiming, logger: Logger) {
    this.pod = pod;
    this.#kube = kube;
    this.#pool = new SessionPool({
      first,
      open: (speak, signal) => openSession(kube.credentials, targetOf(pod), speak, signal),
      tunnelPath: agentTunnelPath,
      sharedForwards,
      maxForwards,
      peer: `the traffic-agent of pod ${pod.name}`,
      ask: (session, timeoutMs) => session.agent.version({}, { timeoutMs }),
      logger,
    });
    this.closed = first.leaving.then(() => this.destroy());
    void this.#heartbeat(probe);
  }

  /** The client is the link's from then on, on failure too. @throws what openPortForward does. */
  static async open(
    kube: KubeClient,
    pod: AgentPod,
    options: { readonly probe: ProbeTiming; readonly logger: Logger; readonly signal: AbortSignal },
  ): Promise<AgentLink> {
    try {
      const first = await openSession(
        kube.credentials,
        targetOf(pod),
        (forward) => WireSession.open(forward, agentTunnelPath),
        options.signal,
      );
      return new AgentLink(kube, pod, first, options.probe, options.logger);
    } catch (error) {
      kube.close();
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#pool.first.isOpen;
  }

  stats(): { readonly forwards: number; readonly streams: number } {
    return this.#pool.stats();
  }

  async openTunnel(info: StreamInfo, signal: AbortSignal, options?: TunnelOptions): Promise<CarriedTunnel> {
    return await this.#pool.openTunnel(info, signal, options);
  }

  /** Connections that arrive at the pod for this laptop, until the signal aborts or the link ends. */
  watchDials(session: SessionInfo, signal: AbortSignal): AsyncIterable<DialRequest> {
    return this.#pool.first.agent.watchDial(session, { signal });
  }

  async probe(timeoutMs: number): Promise<void> {
    await this.#pool.probe(timeoutMs);
  }

  destroy(): void {
    this.#end.abort();
    this.#pool.destroy();
    this.#kube.close();
  }

  async #heartbeat({ everyMs, timeoutMs }: ProbeTiming): Promise<void> {
    const { signal } = this.#end;
    while (!signal.aborted && this.isOpen) {
      await sleep(everyMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.probe(timeoutMs);
    }
  }
}

function targetOf({ namespace, name: pod, apiPort: port }: AgentPod) {
  return { namespace, pod, port };
}
