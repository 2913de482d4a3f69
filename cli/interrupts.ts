import { AppError } from '#protocol/errors/app-error.ts';

/** Ctrl-C of one command: the first asks for a clean end, the second does not wait for it. */
export class Interrupts {
  readonly #abort = new AbortController();
  readonly #force: () => void;
  #holders = 0;

  constructor(force: () => void) {
    this.#force = force;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  raise(): void {
    if (this.#holders > 0) return;
    if (this.#abort.signal.aborted) this.#force();
    else this.#abort.abort(new AppError({ code: 'cancelled', message: 'Interrupted' }));
  }

  /** Leaves Ctrl-C to a child process in the same terminal until the returned function is called. */
  hold(): () => void {
    this.#holders += 1;
    return () => {
      this.#holders -= 1;
    };
  }
}
