import { setTimeout as sleep } from 'node:timers/promises';
import { firewallCondition, interfaceBlocked } from './firewall-condition.ts';
import type { HealthConditions } from './health-conditions.ts';
import type { LaptopSide } from './laptop-side.ts';

const dnsFailed = 'dns.verify-failed';

/** A person who has changed the firewall looks at the result. */
const lookAgainMs = 3_000;

export interface LaptopVerificationOptions {
  readonly laptop: Pick<LaptopSide, 'verify' | 'verifyTcp' | 'status'>;
  readonly health: Pick<HealthConditions, 'get' | 'set' | 'clear'>;
  readonly signal: AbortSignal;
  /** Default 3 s. */
  readonly lookAgainMs?: number;
}

/** Tells a person when programs of the laptop do not get through, though everything was set up. */
export class LaptopVerification {
  readonly #options: LaptopVerificationOptions;
  #isLooking = false;

  constructor(options: LaptopVerificationOptions) {
    this.#options = options;
  }

  /** Never rejects. What is blocked is looked at again until it is not. */
  async verify(): Promise<void> {
    await Promise.all([this.#verifyDns(), this.#verifyTcp()]);
    if (this.#options.health.get(interfaceBlocked) !== undefined) void this.#lookAgain();
  }

  /** The interface goes, and what was wrong with it. */
  forget(): void {
    for (const code of [dnsFailed, interfaceBlocked]) this.#options.health.clear(code);
  }

  async #verifyDns(): Promise<void> {
    const { laptop, health } = this.#options;
    const result = await laptop.verify();
    if (result.ok) {
      health.clear(dnsFailed);
      return;
    }
    health.set({
      code: dnsFailed,
      severity: 'warning',
      title: 'Cluster names do not resolve',
      message: result.reason,
      remedies: [{ label: 'Look for another program that manages DNS, such as a VPN client' }],
    });
  }

  async #verifyTcp(): Promise<void> {
    const { laptop, health } = this.#options;
    const result = await laptop.verifyTcp();
    const interfaceName = laptop.status()?.interfaceName;
    if (result.ok || interfaceName === undefined) health.clear(interfaceBlocked);
    else health.set(firewallCondition(interfaceName, result.reason));
  }

  async #lookAgain(): Promise<void> {
    const { health, signal } = this.#options;
    if (this.#isLooking) return;
    this.#isLooking = true;
    while (!signal.aborted && health.get(interfaceBlocked) !== undefined) {
      await sleep(this.#options.lookAgainMs ?? lookAgainMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted && health.get(interfaceBlocked) !== undefined) await this.#verifyTcp();
    }
    this.#isLooking = false;
  }
}
