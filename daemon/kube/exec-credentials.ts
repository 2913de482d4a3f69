import type { RequestOptions } from 'node:https';
import type { User } from '@kubernetes/client-node/dist/config_types.js';
import { ExecAuth } from '@kubernetes/client-node/dist/exec_auth.js';

interface Login {
  /** Keeps the credential until it expires. */
  readonly auth: ExecAuth;
  /** Requests that begin together wait for one login. */
  last: Promise<void>;
  /** When somebody logged in, by the clock of `performance`. */
  since: number | undefined;
}

/** One that was refused and is younger would be as good the next time; a program that opens a browser is not to be run in circles. */
const freshMs = 2_000;

/**
 * What login programs have printed, by program and cluster: in memory only, for every client of this thread. It outlives a connection, as
 * logging in may take a second, or a person.
 */
const logins = new Map<string, Login>();

/** The credential of one user of a kubeconfig whose `exec` names a program. */
export class ExecCredentials {
  readonly #key: string;
  readonly #user: User;

  /** `server` is a part of what a credential is for: a program may be told. */
  constructor(user: User, server: string) {
    this.#user = user;
    this.#key = JSON.stringify([user.name, server, user.exec]);
  }

  /** Puts token or client certificate into the options; runs the program where there is no credential that lasts. */
  async apply(options: RequestOptions): Promise<void> {
    const login = logins.get(this.#key) ?? { auth: new ExecAuth(), last: Promise.resolve(), since: undefined };
    logins.set(this.#key, login);
    const turn = login.last.then(() => login.auth.applyAuthentication(this.#user, options));
    login.last = turn.catch(() => undefined);
    try {
      await turn;
      login.since ??= performance.now();
    } catch (error) {
      // What it printed may be kept, and is of no use.
      if (logins.get(this.#key) === login) logins.delete(this.#key);
      throw error;
    }
  }

  /** The API server does not take it, whatever it says about its time. @returns whether the program is run again for the next request. */
  refused(): boolean {
    const login = logins.get(this.#key);
    if (login?.since !== undefined && performance.now() - login.since < freshMs) return false;
    logins.delete(this.#key);
    return true;
  }
}
