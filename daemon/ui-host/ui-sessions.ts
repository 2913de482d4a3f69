import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { rmSync } from 'node:fs';
import * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { readIfThere, replaceFile } from '#base/node/text-file.ts';

/** Between the print of an address and its opening by a person who copies it. */
const unusedLifeMs = 10 * 60_000;

/** A token that no page has used for this long is forgotten. */
const idleLifeMs = 7 * 24 * 3_600_000;

/** More than anybody has tabs; the oldest go first. */
const maxSessions = 100;

const fileSchema = z.object({
  port: z.int(),
  sessions: z.array(z.object({ token: z.string(), browser: z.string(), usedAt: z.number() })),
});

interface Session {
  /** SHA-256 of the token, in hexadecimal. */
  readonly token: string;
  /** SHA-256 of the secret of the browser that used it first; absent until one did. */
  readonly browser: string | undefined;
  readonly usedAt: number;
}

export type Admission =
  | { readonly kind: 'refused' }
  | { readonly kind: 'known' }
  /** The browser is to keep this as its secret. */
  | { readonly kind: 'bound'; readonly secret: string };

/**
 * Who may open the window in a browser. A token is for one browser: the first that comes with it gets a secret as a cookie that no page
 * can read, and from then on the token is worth something only together with that. So a reload works, and an address that somebody
 * finds later, in a history or a list of processes, does not.
 *
 * Kept as hashes in a file for the daemon that follows one that was killed.
 */
export class UiSessions {
  readonly #file: string;
  readonly #logger: Logger;
  readonly #now: () => number;
  #sessions: readonly Session[] = [];
  #port = 0;

  constructor(file: string, logger: Logger, now: () => number = Date.now) {
    this.#file = file;
    this.#logger = logger;
    this.#now = now;
  }

  /** What an earlier daemon knew. @returns its port; `undefined` where there is nothing to go on with. */
  restore(): number | undefined {
    try {
      const text = readIfThere(this.#file);
      if (text === undefined) return undefined;
      const { port, sessions } = z.parse(fileSchema, JSON.parse(text));
      this.#sessions = sessions;
      this.#port = port;
      this.#dropOld();
      return this.#sessions.length === 0 ? undefined : port;
    } catch (error) {
      this.#logger.warn('The file of browser sessions is of no use', { file: this.#file, error });
      return undefined;
    }
  }

  /** A new token, for one browser. */
  issue(port: number): string {
    this.#port = port;
    this.#dropOld();
    const token = randomBytes(32).toString('base64url');
    this.#sessions = [...this.#sessions, { token: hash(token), browser: undefined, usedAt: this.#now() }].slice(-maxSessions);
    return token;
  }

  /** @param secret what the browser keeps, where it has been here. */
  admit(token: string, secret: string | undefined): Admission {
    this.#dropOld();
    const wanted = hash(token);
    const session = this.#sessions.find((known) => isEqual(known.token, wanted));
    if (session === undefined) return { kind: 'refused' };
    const browser = secret === undefined ? undefined : hash(secret);
    if (session.browser !== undefined) {
      if (browser === undefined || !isEqual(session.browser, browser)) return { kind: 'refused' };
      this.#put({ ...session, usedAt: this.#now() });
      return { kind: 'known' };
    }
    // A second window of a browser: its cookie serves both.
    const known = browser === undefined ? undefined : this.#sessions.find((other) => isEqual(other.browser ?? '', browser));
    if (known !== undefined) {
      this.#put({ ...session, browser: known.browser, usedAt: this.#now() });
      return { kind: 'known' };
    }
    const fresh = randomBytes(32).toString('base64url');
    this.#put({ ...session, browser: hash(fresh), usedAt: this.#now() });
    return { kind: 'bound', secret: fresh };
  }

  /** The end of the daemon that a person asked for: no address is good any more. */
  forget(): void {
    this.#sessions = [];
    rmSync(this.#file, { force: true });
  }

  #put(session: Session): void {
    this.#sessions = [...this.#sessions.filter(({ token }) => token !== session.token), session];
    const sessions = this.#sessions.filter(({ browser }) => browser !== undefined);
    try {
      replaceFile(this.#file, JSON.stringify({ port: this.#port, sessions }));
    } catch (error) {
      this.#logger.warn('Browser sessions could not be kept: they would not survive a crash', { error });
    }
  }

  #dropOld(): void {
    const now = this.#now();
    this.#sessions = this.#sessions.filter(
      ({ browser, usedAt }) => now - usedAt < (browser === undefined ? unusedLifeMs : idleLifeMs),
    );
  }
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** In constant time; of hashes, whose length is no secret. */
function isEqual(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
