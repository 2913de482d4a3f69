import { setTimeout as delay } from 'node:timers/promises';
import { StatusError } from '../store/status-error.ts';

/** What goes wrong with requests whose path fits: for tests of how a client takes it, never for the product. */
export interface ApiFault {
  /** Regular expression for the path, without the query. */
  readonly path: string;
  /** Default: all. */
  readonly methods?: readonly string[] | undefined;
  readonly effect:
    | { readonly kind: 'delay'; readonly delayMs: number }
    | { readonly kind: 'status'; readonly status: number; readonly message?: string | undefined }
    /** The connection is cut. */
    | { readonly kind: 'reset' };
  /** After so many requests it is over. Default: until it is cleared. */
  readonly times?: number | undefined;
}

const reasons: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
};

export class Faults {
  #active: { readonly fault: ApiFault; readonly pattern: RegExp; left: number }[] = [];

  add(fault: ApiFault): void {
    this.#active.push({ fault, pattern: new RegExp(fault.path), left: fault.times ?? Number.POSITIVE_INFINITY });
  }

  clear(): void {
    this.#active = [];
  }

  /**
   * Resolves to whether the connection is to be cut.
   *
   * @throws StatusError where the fault is an answer
   */
  async apply(method: string, path: string): Promise<boolean> {
    for (const active of this.#active) {
      const { fault, pattern } = active;
      if (!pattern.test(path) || fault.methods?.includes(method) === false) continue;
      active.left -= 1;
      if (active.left <= 0) this.#active = this.#active.filter((other) => other !== active);
      const { effect } = fault;
      if (effect.kind === 'reset') return true;
      if (effect.kind === 'delay') {
        await delay(effect.delayMs);
        continue;
      }
      const message = effect.message ?? `the sandbox was asked to answer ${effect.status}`;
      throw new StatusError(
        effect.status,
        reasons[effect.status] ?? 'InternalError',
        message,
        effect.status === 429 ? { retryAfterSeconds: 1 } : {},
      );
    }
    return false;
  }
}
