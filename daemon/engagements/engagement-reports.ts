import type { Engagement } from '#protocol/local-api/model.ts';
import type { HealthConditions } from '../connection/health-conditions.ts';

/** Counters are told at most this often; everything else at once. */
const trafficEveryMs = 1_000;

/** Tells clients of engagements: the state as it changes, the traffic now and then, lasting trouble as health conditions. */
export class EngagementReports {
  readonly #health: Pick<HealthConditions, 'set' | 'clear' | 'get'>;
  readonly #onChanged: (name: string, engagement: Engagement | undefined) => void;
  readonly #latest = new Map<string, Engagement>();
  readonly #told = new Map<string, string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    health: Pick<HealthConditions, 'set' | 'clear' | 'get'>,
    onChanged: (name: string, engagement: Engagement | undefined) => void,
  ) {
    this.#health = health;
    this.#onChanged = onChanged;
  }

  changed(engagement: Engagement): void {
    this.#latest.set(engagement.name, engagement);
    const { traffic: _traffic, ...rest } = engagement;
    const essence = JSON.stringify(rest);
    if (this.#told.get(engagement.name) === essence) {
      this.#timer ??= setTimeout(() => this.#tellTraffic(), trafficEveryMs).unref();
      return;
    }
    this.#told.set(engagement.name, essence);
    this.#onChanged(engagement.name, engagement);
    this.#judge();
  }

  gone(name: string): void {
    this.#latest.delete(name);
    this.#told.delete(name);
    this.#onChanged(name, undefined);
    this.#judge();
  }

  stop(): void {
    clearTimeout(this.#timer);
    for (const name of this.#latest.keys()) this.gone(name);
  }

  #tellTraffic(): void {
    this.#timer = undefined;
    for (const [name, engagement] of this.#latest) this.#onChanged(name, engagement);
  }

  #judge(): void {
    const all = [...this.#latest.values()];
    const deaf = all.filter(({ state, handler }) => state.kind === 'active' && handler === 'not-listening');
    const places = deaf.map(
      ({ name, laptopAddress, ports }) => `${laptopAddress}:${ports.map(({ laptopPort }) => laptopPort).join(', ')} (${name})`,
    );
    this.#set(
      'engagement.handler-not-listening',
      'Nothing listens where intercepted traffic goes',
      deaf.length === 0 ? undefined : `No program takes connections on ${places.join('; ')}: callers see a closed connection`,
      [{ label: 'Start the program' }, { label: 'Or end the intercept', command: `telepresence leave ${deaf[0]?.name ?? ''}` }],
    );
    const stuck = all.filter(({ state }) => state.kind === 'waiting' || state.kind === 'ended');
    const reasons = stuck.map(({ name, state }) => `${name}: ${'reason' in state ? state.reason.message : ''}`);
    this.#set('engagement.not-served', 'An intercept gets no traffic', stuck.length === 0 ? undefined : reasons.join('; '), [
      { label: 'End it', command: `telepresence leave ${stuck[0]?.name ?? ''}` },
    ]);
  }

  #set(code: string, title: string, message: string | undefined, remedies: { label: string; command?: string }[]): void {
    if (message === undefined) this.#health.clear(code);
    else if (this.#health.get(code)?.message !== message) {
      this.#health.set({ code, severity: 'warning', title, message, remedies });
    }
  }
}
