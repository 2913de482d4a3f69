import type { IncomingMessage, RequestOptions } from 'node:http';
import http from 'node:http';
import https from 'node:https';
import { StringDecoder } from 'node:string_decoder';
import { untilAborted } from '#base/node/until-aborted.ts';

/** Where an API server is and how to prove who asks. */
export interface KubeCredentials {
  readonly server: URL;
  /**
   * TLS material and headers for the next request; asked anew each time, so that tokens may be refreshed. An `agent` is only there where
   * a proxy has to be used.
   */
  requestOptions(): Promise<https.RequestOptions>;
  /** The API server answered 401: what was kept is forgotten. @returns whether the next request comes with other credentials. */
  refused?(): boolean;
}

export interface KubeRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Absolute path below the server's URL: `/api/v1/namespaces`. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Default `application/json`; patches name theirs, server-side apply is `application/apply-patch+yaml` (JSON is YAML). */
  readonly contentType?: string;
  readonly signal?: AbortSignal;
  /** For the whole exchange. Default 15 s. */
  readonly timeoutMs?: number;
}

export interface WatchEvent<T> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: T;
}

/** The API server's own words: HTTP status, and `reason` and `message` of its Status object. */
export class KubeStatusError extends Error {
  override readonly name = 'KubeStatusError';
  readonly status: number;
  readonly reason: string;
  /** `details.causes` of the Status object, when it has some. */
  readonly causes: readonly { readonly field?: string; readonly message?: string }[];

  constructor(status: number, reason: string, message: string, causes: KubeStatusError['causes'] = []) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.causes = causes;
  }
}

const defaultTimeoutMs = 15_000;

/** 4 idle connections are kept; the API server closes them after some minutes. */
const maxIdleSockets = 4;

/**
 * A thin client of the Kubernetes REST API: JSON in, JSON out, over kept-alive connections. Failures of the API server are
 * `KubeStatusError`; failures to reach it are Node's own (`ECONNREFUSED`, `ETIMEDOUT`, TLS codes).
 */
export class KubeClient {
  readonly credentials: KubeCredentials;
  readonly #agent: http.Agent;

  constructor(credentials: KubeCredentials) {
    this.credentials = credentials;
    const options = { keepAlive: true, maxFreeSockets: maxIdleSockets };
    this.#agent = credentials.server.protocol === 'https:' ? new https.Agent(options) : new http.Agent(options);
  }

  /** One exchange. `T` is the caller's claim about the answer; an empty answer is `undefined`. */
  async request<T>(request: KubeRequest): Promise<T> {
    const text = await this.requestText(request);
    if (text === '') return undefined as T;
    try {
      return JSON.parse(text) as T;
    } catch {
      // A login page, most likely: who asks must not take it for a defect of the API.
      throw new KubeStatusError(200, 'Unknown', `The answer is not the API server's: ${text.trim().slice(0, 200)}`);
    }
  }

  /** Like `request`, for answers that are not JSON (logs, `/version` of old servers). */
  async requestText(request: KubeRequest): Promise<string> {
    const signal = withDeadline(request.signal, request.timeoutMs ?? defaultTimeoutMs);
    const response = await this.#send(request, signal);
    const text = await readAll(response, signal);
    const status = response.statusCode ?? 0;
    if (status >= 300) throw statusError(status, text);
    return text;
  }

  /** `undefined` instead of a 404. */
  async find<T>(path: string, signal?: AbortSignal): Promise<T | undefined> {
    try {
      return await this.request<T>({ method: 'GET', path, ...(signal === undefined ? {} : { signal }) });
    } catch (error) {
      if (error instanceof KubeStatusError && error.status === 404) return undefined;
      throw error;
    }
  }

  /**
   * Events of a watch until the API server ends it or `signal` aborts, both of which end the iteration. An `ERROR` event throws
   * its status: 410 means that the list must be made anew.
   */
  async *watch<T>(
    path: string,
    query: Readonly<Record<string, string | number | boolean | undefined>>,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>> {
    const decoder = new StringDecoder('utf8');
    let rest = '';
    for await (const chunk of this.stream(path, { ...query, watch: true }, signal)) {
      const lines = (rest + decoder.write(chunk)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        if (line === '') continue;
        const event = JSON.parse(line) as WatchEvent<T>;
        if (event.type === 'ERROR') {
          const failure = event.object as StatusObject;
          throw new KubeStatusError(failure.code ?? 500, failure.reason ?? 'Unknown', failure.message ?? 'watch failed');
        }
        yield event;
      }
    }
  }

  /** An answer as it arrives, such as a log that is followed: until the API server ends it or `signal` aborts, both of which end the iteration. */
  async *stream(
    path: string,
    query: Readonly<Record<string, string | number | boolean | undefined>>,
    signal: AbortSignal,
  ): AsyncGenerator<Buffer> {
    const response = await this.#sendUnlessAborted({ method: 'GET', path, query }, signal);
    if (response === undefined) return;
    const status = response.statusCode ?? 0;
    if (status >= 300) throw statusError(status, await readAll(response, signal));
    try {
      for await (const chunk of response) yield chunk as Buffer;
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      response.destroy();
    }
  }

  /** Ends kept-alive connections; requests under way go on, and end theirs. */
  close(): void {
    // The agent's own `destroy` would end those in use, too.
    this.#agent.maxFreeSockets = 0;
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  async #sendUnlessAborted(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage | undefined> {
    try {
      return await this.#send(request, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
  }

  /** Once more where the credentials were old and others can be had: the API server has done nothing yet. */
  async #send(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const response = await this.#sendOnce(request, signal);
    if (response.statusCode !== 401 || this.credentials.refused?.() !== true) return response;
    response.destroy();
    return await this.#sendOnce(request, signal);
  }

  async #sendOnce(request: KubeRequest, signal: AbortSignal): Promise<IncomingMessage> {
    const credentials = await untilAborted(this.credentials.requestOptions(), signal);
    const url = new URL(joinPath(this.credentials.server.pathname, request.path), this.credentials.server);
    for (const [key, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(key, String(value));
    }
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers: Record<string, string | number | string[] | undefined> = {
      ...(credentials.headers as Record<string, string>),
      accept: 'application/json',
      ...(body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json', 'content-length': body.length }),
    };
    const options: RequestOptions = {
      ...credentials,
      method: request.method,
      headers,
      agent: credentials.agent ?? this.#agent,
      signal,
    };
    for (;;) {
      const outgoing = (url.protocol === 'https:' ? https : http).request(url, options);
      try {
        return await new Promise<IncomingMessage>((resolve, reject) => {
          outgoing.once('response', resolve);
          outgoing.on('error', reject);
          outgoing.end(body);
        });
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        // A kept connection that the other side has given up: what only reads may be asked again.
        if (request.method !== 'GET' || !outgoing.reusedSocket) throw error;
      }
    }
  }
}

interface StatusObject {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: { readonly causes?: KubeStatusError['causes'] };
}

function withDeadline(signal: AbortSignal | undefined, timeoutMs: number): AbortSignal {
  const deadline = AbortSignal.timeout(timeoutMs);
  return signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
}

function joinPath(prefix: string, path: string): string {
  return `${prefix.replace(/\/$/, '')}${path}`;
}

async function readAll(response: IncomingMessage, signal: AbortSignal): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  }
  return Buffer.concat(chunks).toString('utf8');
}

function statusError(status: number, text: string): KubeStatusError {
  try {
    const object = JSON.parse(text) as StatusObject;
    return new KubeStatusError(status, object.reason ?? 'Unknown', object.message ?? text, object.details?.causes);
  } catch {
    return new KubeStatusError(status, 'Unknown', text.trim() === '' ? `HTTP status ${status}` : text.trim().slice(0, 1_000));
  }
}
