import type { Logger } from '#base/common/log.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { LogLevelHook, QuitHook } from './daemon-context.ts';

/** A part that cannot undo its work in this time is left to the helper's own roll-back. */
const defaultHookTimeoutMs = 5_000;

/** The hooks of the daemon's parts, and the daemon's one end. */
export class Lifecycle {
  readonly #logger: Logger;
  readonly #hookTimeoutMs: number;
  readonly #quitHooks: QuitHook[] = [];
  readonly #logLevelHooks: LogLevelHook[] = [];
  #ended: Promise<void> | undefined;

  constructor(logger: Logger, options: { readonly hookTimeoutMs?: number } = {}) {
    this.#logger = logger;
    this.#hookTimeoutMs = options.hookTimeoutMs ?? defaultHookTimeoutMs;
  }

  onQuit(hook: QuitHook): void {
    this.#quitHooks.push(hook);
  }

  onLogLevel(hook: LogLevelHook): void {
    this.#logLevelHooks.push(hook);
  }

  async passLogLevelOn(input: CallInput<'setLogLevel'>): Promise<boolean> {
    for (const hook of this.#logLevelHooks) await hook(input);
    return this.#logLevelHooks.length > 0;
  }

  shutDown(stage: (text: string) => void): Promise<void> {
    this.#ended ??= this.#runQuitHooks(stage);
    return this.#ended;
  }

  async #runQuitHooks(stage: (text: string) => void): Promise<void> {
    for (const hook of this.#quitHooks.toReversed()) {
      try {
        await withDeadline(hook(stage), this.#hookTimeoutMs);
      } catch (error) {
        this.#logger.error('A part did not end in order', { error });
      }
    }
  }
}

async function withDeadline(work: Promise<void>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    await Promise.race([work, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
