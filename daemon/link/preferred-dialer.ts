import { setTimeout as sleep } from 'node:timers/promises';
import { dialledTunnel } from '#net/tunnel/dialled-tunnel.ts';
import { type ConnectionId, describeEndpoint } from '#net/tunnel/stream-info.ts';
import { DialRejectedError, type TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import type { TunnelDialer, TunnelOptions } from '../data-path/tunnel-dialer.ts';
import type { AgentLink } from './agent-link.ts';
import type { AgentLinks } from './agent-links.ts';

export interface PreferredDialerOptions {
  readonly agents: Pick<AgentLinks, 'pick'>;
  readonly manager: TunnelDialer & {
    /** There is a way to the traffic-manager at the moment. */
    readonly isUp: boolean;
    /** By which agents know the laptop, too. */
    readonly sessionId: string | undefined;
  };
  /** Without an agent's verdict for this long, the traffic-manager is asked as well. Default 300 ms. */
  readonly patienceMs?: number;
}

/** A pod in the same cluster answers within milliseconds; an agent's network policy may well swallow what the traffic-manager's does not. */
const defaultPatienceMs = 300;

/** For this long, a destination that only the traffic-manager reached is left to it. */
const avoidMs = 60_000;

/** For this long, an agent that reached a destination is trusted to do so again. */
const trustMs = 60_000;

/** More destinations at a time are not remembered. */
const maxDestinations = 1_024;

type Way = 'agent' | 'manager';

/**
 * Opens tunnels at an agent where there is one to be had, else at the traffic-manager. The latter's verdict counts: what an agent does not
 * reach, or not in time, is tried there, for the pod that the agent is in may have less freedom. Only the agent of the destination's own pod
 * has the last word.
 */
export class PreferredDialer implements TunnelDialer {
  readonly #options: PreferredDialerOptions;
  /** By destination, the oldest first. */
  readonly #known = new Map<string, { readonly way: Way; readonly until: number }>();

  constructor(options: PreferredDialerOptions) {
    this.#options = options;
  }

  async dial(id: ConnectionId, signal: AbortSignal, options: TunnelOptions = {}): Promise<TunnelDuplex> {
    const { agents, manager } = this.#options;
    const known = this.#wayTo(id);
    const picked = known === 'manager' ? undefined : agents.pick(id);
    if (picked === undefined || manager.sessionId === undefined) return await manager.dial(id, signal, options);
    if (options.isOptimistic === true && known === 'agent') {
      const tunnel = await open(picked.link, manager.sessionId, id, signal, options).catch(() => undefined);
      if (tunnel === undefined) return await manager.dial(id, signal, options);
      tunnel.dialled.catch(() => this.#known.delete(keyOf(id)));
      return tunnel;
    }
    return await this.#dialBoth(id, picked, manager.sessionId, signal);
  }

  /** The agent first, the traffic-manager where that fails or takes long. */
  async #dialBoth(
    id: ConnectionId,
    { link, isDestination }: { readonly link: AgentLink; readonly isDestination: boolean },
    sessionId: string,
    signal: AbortSignal,
  ): Promise<TunnelDuplex> {
    const { manager, patienceMs = defaultPatienceMs } = this.#options;
    const end = new AbortController();
    const both = AbortSignal.any([signal, end.signal]);
    const direct = dialled(link, sessionId, id, both);
    direct.catch(() => undefined);
    const patience = new AbortController();
    try {
      const waited = sleep(patienceMs, undefined, { signal: patience.signal, ref: false }).catch(() => undefined);
      const tunnel = await Promise.race([direct, waited]);
      if (tunnel !== undefined) {
        this.#remember(id, 'agent');
        return tunnel;
      }
    } catch (error) {
      const isFinal = isDestination || !manager.isUp;
      if (signal.aborted || (error instanceof DialRejectedError && isFinal)) throw error;
    } finally {
      patience.abort();
    }
    const indirect = manager.dial(id, both).then((tunnel) => {
      this.#remember(id, 'manager');
      return tunnel;
    });
    return await first([direct, indirect], end);
  }

  #wayTo(id: ConnectionId): Way | undefined {
    const known = this.#known.get(keyOf(id));
    return known !== undefined && known.until > performance.now() ? known.way : undefined;
  }

  #remember(id: ConnectionId, way: Way): void {
    const key = keyOf(id);
    this.#known.delete(key);
    this.#known.set(key, { way, until: performance.now() + (way === 'agent' ? trustMs : avoidMs) });
    if (this.#known.size <= maxDestinations) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }
}

async function open(
  link: AgentLink,
  sessionId: string,
  connectionId: ConnectionId,
  signal: AbortSignal,
  options?: TunnelOptions,
): Promise<TunnelDuplex> {
  const { tunnel } = await link.openTunnel({ connectionId, sessionId, dialTimeoutMs: 5_000, roundtripMs: 0 }, signal, options);
  tunnel.on('error', () => undefined);
  return tunnel;
}

async function dialled(link: AgentLink, sessionId: string, id: ConnectionId, signal: AbortSignal): Promise<TunnelDuplex> {
  return await dialledTunnel(await open(link, sessionId, id, signal), signal);
}

/** The first tunnel that is there; the other is given up, and closed should it come nevertheless. */
async function first(dials: readonly Promise<TunnelDuplex>[], end: AbortController): Promise<TunnelDuplex> {
  try {
    const winner = await Promise.any(dials);
    end.abort();
    for (const dial of dials) {
      dial.then(
        (tunnel) => (tunnel === winner ? undefined : tunnel.destroy()),
        () => undefined,
      );
    }
    return winner;
  } catch (thrown) {
    // The last one is the traffic-manager's, whose verdict counts.
    throw thrown instanceof AggregateError ? thrown.errors.at(-1) : thrown;
  }
}

function keyOf({ destination, protocol }: ConnectionId): string {
  return `${protocol} ${describeEndpoint(destination)}`;
}
