import { EventEmitter } from 'node:events';

type Listener = (...args: never[]) => void;

/** Electron's way of events: the first argument can be held back by `preventDefault`. */
export class Emitter {
  readonly #events = new EventEmitter();

  // Electron's return the object itself, of a type that is larger than the double's; nobody chains.
  on(event: string, listener: Listener): never {
    this.#events.on(event, listener as (...args: unknown[]) => void);
    return this as never;
  }

  once(event: string, listener: Listener): never {
    this.#events.once(event, listener as (...args: unknown[]) => void);
    return this as never;
  }

  off(event: string, listener: Listener): never {
    this.#events.off(event, listener as (...args: unknown[]) => void);
    return this as never;
  }

  tell(event: string, ...args: readonly unknown[]): void {
    this.#events.emit(event, ...args);
  }

  /** @returns whether a listener held it back */
  ask(event: string, ...args: readonly unknown[]): boolean {
    return this.askWith(event, {}, ...args);
  }

  askWith(event: string, details: object, ...args: readonly unknown[]): boolean {
    let isPrevented = false;
    const first = {
      ...details,
      preventDefault() {
        isPrevented = true;
      },
    };
    this.#events.emit(event, first, ...args);
    return isPrevented;
  }
}
