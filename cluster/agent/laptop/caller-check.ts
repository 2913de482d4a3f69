import { untilAborted } from '#base/node/until-aborted.ts';

export interface CallerCheckParts {
  /** Asks the traffic-manager. Rejects where it cannot be asked. */
  readonly ask: (sessionId: string, signal: AbortSignal) => Promise<boolean>;
  /** The traffic-manager has said so already: the session intercepts this workload. */
  readonly isOwner: (sessionId: string) => boolean;
  readonly now?: () => number;
}

/** For this long, a caller is not asked about again. */
const allowedMs = 60_000;
/** One that arrived at the traffic-manager this moment may be known to it the next. */
const refusedMs = 1_000;
/** While the traffic-manager cannot be asked, those who were allowed go on for this long. */
const staleMs = 60 * 60_000;

const askTimeoutMs = 2_000;

/** More sessions are not remembered: whoever tries many is asked about each time. */
const maxSessions = 1_000;

interface Known {
  readonly isAllowed: boolean;
  readonly at: number;
}

/**
 * Who may use this agent: anybody in the cluster can reach its port, but only laptops that the traffic-manager knows may be dialled for. It
 * is asked once a minute for each.
 */
export class CallerCheck {
  readonly #parts: CallerCheckParts;
  readonly #now: () => number;
  /** By session, the oldest first. */
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<boolean>>();

  constructor(parts: CallerCheckParts) {
    this.#parts = parts;
    this.#now = parts.now ?? (() => performance.now());
  }

  /** Never rejects. */
  async isAllowed(sessionId: string): Promise<boolean> {
    if (sessionId === '') return false;
    if (this.#parts.isOwner(sessionId)) return true;
    const known = this.#known.get(sessionId);
    const age = this.#now() - (known?.at ?? 0);
    if (known !== undefined && age < (known.isAllowed ? allowedMs : refusedMs)) return known.isAllowed;
    const asking = this.#asking.get(sessionId) ?? this.#ask(sessionId).finally(() => this.#asking.delete(sessionId));
    this.#asking.set(sessionId, asking);
    return await asking;
  }

  async #ask(sessionId: string): Promise<boolean> {
    const signal = AbortSignal.timeout(askTimeoutMs);
    try {
      const isAllowed = await untilAborted(this.#parts.ask(sessionId, signal), signal);
      this.#known.delete(sessionId);
      this.#known.set(sessionId, { isAllowed, at: this.#now() });
      for (const oldest of this.#known.keys()) if (this.#known.size > maxSessions) this.#known.delete(oldest);
      return isAllowed;
    } catch {
      const known = this.#known.get(sessionId);
      return known?.isAllowed === true && this.#now() - known.at < staleMs;
    }
  }
}
