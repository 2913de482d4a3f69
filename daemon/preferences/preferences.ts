import * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { readIfThere, replaceFile } from '#base/node/text-file.ts';
import { type Preferences, preferences } from '#protocol/local-api/model.ts';
import type { StateStore } from '../state/state-store.ts';

/** Before anybody chose anything. */
export const initialPreferences: Preferences = {
  startAtLogin: false,
  startHidden: false,
  theme: 'system',
  defaultMode: 'host',
  isWelcomed: false,
  notifyConnection: true,
  notifyEngagement: true,
  notifyHandler: true,
  checkForUpdates: true,
};

const member = 'preferences';

/** Choices of a person about the app, in a file and in the state that every window mirrors. */
export class PreferenceStore {
  readonly #file: string;
  readonly #state: StateStore;

  constructor(file: string, state: StateStore) {
    this.#file = file;
    this.#state = state;
  }

  /** Reads what there is; members that are not there, or are of no use, are as they are in the beginning. */
  restore(logger: Logger): void {
    this.#state.put('preferences', member, { ...initialPreferences, ...readChoices(this.#file, logger) });
  }

  /** @throws Error where the file cannot be written; then nothing changes. */
  change(change: { readonly [Name in keyof Preferences]?: Preferences[Name] | undefined }): void {
    const before = this.#state.state.preferences[member] ?? initialPreferences;
    const set = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
    const after = z.parse(preferences, { ...before, ...set });
    replaceFile(this.#file, `${JSON.stringify(after, undefined, 2)}\n`);
    this.#state.put('preferences', member, after);
  }
}

/** One by one: a file of another version may have members that this one does not know, or knows otherwise. */
function readChoices(file: string, logger: Logger): Partial<Preferences> {
  try {
    const found = JSON.parse(readIfThere(file) ?? '{}') as Record<string, unknown>;
    const known = Object.entries(preferences.shape).flatMap(([name, schema]) => {
      const parsed = schema.safeParse(found[name]);
      return parsed.success ? [[name, parsed.data]] : [];
    });
    return Object.fromEntries(known) as Partial<Preferences>;
  } catch (error) {
    logger.warn('The file of preferences is of no use', { file, error });
    return {};
  }
}
