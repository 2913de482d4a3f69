import http2, { type ClientHttp2Session } from 'node:http2';
import net from 'node:net';
import { clientSessionOptions, connectionWindowBytes } from '#net/tunnel/http2-options.ts';
import { keepAlive } from '../laptop/keep-alive.ts';

/**
 * Within a cluster this takes milliseconds. A Service may lead to a pod that is gone for a moment, where nobody says so: the kernel alone
 * would try for two minutes.
 */
const connectTimeoutMs = 2_000;

/**
 * An HTTP/2 connection to the traffic-manager, made when it is first used and again after it broke. The session manager that Connect
 * brings is not used: it pings connections that have ended already, which ends the process (connect-node 2.1.2).
 */
export class ManagerConnection {
  readonly #url: string;
  #session: ClientHttp2Session | undefined;

  constructor(url: string) {
    this.#url = url;
  }

  session(): ClientHttp2Session {
    const present = this.#session;
    if (present !== undefined && !present.closed && !present.destroyed) return present;
    const session = http2.connect(this.#url, {
      ...clientSessionOptions,
      createConnection: ({ hostname, port }) =>
        net.connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port), noDelay: true }),
    });
    this.#session = session;
    const forget = () => {
      if (this.#session === session) this.#session = undefined;
    };
    const timer = setTimeout(() => session.destroy(new Error('The traffic-manager does not answer')), connectTimeoutMs);
    session.once('connect', () => clearTimeout(timer)).once('close', () => clearTimeout(timer));
    // Streams hear of its end by themselves.
    session
      .on('error', () => undefined)
      .once('close', forget)
      .once('goaway', forget);
    session.once('connect', () => {
      session.setLocalWindowSize(connectionWindowBytes);
      keepAlive(session);
    });
    return session;
  }

  /** Lets streams end, and takes no new ones on this connection. */
  close(): void {
    this.#session?.close();
  }

  destroy(): void {
    this.#session?.destroy();
  }
}
