import { isDeepStrictEqual } from 'node:util';
import type { ConnectRequest } from '#protocol/local-api/model.ts';
import type { ConnectionThread } from './connection-thread.ts';

/** For a person who has to find a password first. */
const keepMs = 60_000;

type Thread = Pick<ConnectionThread, 'call' | 'end'>;

interface Kept {
  readonly name: string;
  readonly request: ConnectRequest;
  readonly thread: Thread;
  readonly timer: NodeJS.Timeout;
}

/** The thread in which a request was checked, kept for the connect that follows: starting another would take its time once more. */
export class CheckedThread {
  #kept: Kept | undefined;

  /** @throws AppError what a connect would be refused for without asking anybody else: then nothing is kept. */
  async check(name: string, request: ConnectRequest, thread: Thread, signal: AbortSignal): Promise<void> {
    await this.drop();
    try {
      await thread.call('check', {}, { signal });
    } catch (error) {
      await thread.end();
      throw error;
    }
    await this.drop();
    const timer = setTimeout(() => void this.drop(), keepMs).unref();
    this.#kept = { name, request, thread, timer };
  }

  /** The thread that was kept for just this, if it is still there. */
  take(name: string, request: ConnectRequest): Thread | undefined {
    const kept = this.#kept;
    if (kept === undefined || kept.name !== name || !isDeepStrictEqual(kept.request, request)) return undefined;
    this.#forget(kept);
    return kept.thread;
  }

  /** Ends what is kept. */
  async drop(): Promise<void> {
    const kept = this.#kept;
    if (kept === undefined) return;
    this.#forget(kept);
    await kept.thread.end();
  }

  /** The thread of that name is gone. */
  crashed(name: string): void {
    if (this.#kept?.name === name) this.#forget(this.#kept);
  }

  #forget({ timer }: Kept): void {
    clearTimeout(timer);
    this.#kept = undefined;
  }
}
