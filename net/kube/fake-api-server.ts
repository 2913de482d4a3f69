import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KubeClient } from './kube-client.ts';

interface StoredObject {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly resourceVersion?: string };
}

interface StoredEvent {
  readonly version: number;
  readonly collection: string;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: StoredObject;
}

interface Watcher {
  readonly collection: string;
  readonly response: ServerResponse;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: string;
}

/** For tests: as much of the Kubernetes API as an informer meets: pages, watches, bookmarks, forgotten revisions, refusals. */
export class FakeApiServer {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #objects = new Map<string, Map<string, StoredObject>>();
  readonly #refusals = new Map<string, { readonly status: number; readonly message: string }>();
  readonly #watchers = new Set<Watcher>();
  readonly #history: StoredEvent[] = [];
  readonly #arrivals = new Set<() => void>();
  #version = 1;
  #forgotten = 0;

  constructor() {
    this.#server = http.createServer((request, response) => void this.#serve(request, response));
  }

  async start(): Promise<KubeClient> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    const server = new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
    return new KubeClient({ server, requestOptions: async () => ({}) });
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /** Creates or replaces an object, and tells the watches of its collection. */
  put(collection: string, object: StoredObject): void {
    const objects = this.#collection(collection);
    const key = keyOf(object);
    this.#record(collection, objects.has(key) ? 'MODIFIED' : 'ADDED', object, (stored) => objects.set(key, stored));
  }

  remove(collection: string, name: string, namespace?: string): void {
    const objects = this.#collection(collection);
    const key = keyOf({ metadata: { name, ...(namespace === undefined ? {} : { namespace }) } });
    const object = objects.get(key);
    if (object !== undefined) this.#record(collection, 'DELETED', object, () => objects.delete(key));
  }

  /** Answers every request of the path with a Status, until `allow`. */
  refuse(path: string, status: number, message = 'refused'): void {
    this.#refusals.set(path, { status, message });
  }

  allow(path: string): void {
    this.#refusals.delete(path);
  }

  /** Watches from a revision of the past are answered 410 from now on; open ones get it as an event. */
  forgetHistory(): void {
    this.#forgotten = this.#version;
    this.#endWatches(
      `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } })}\n`,
    );
  }

  /** Ends every watch as the API server does when its time is over. */
  endWatches(): void {
    this.#endWatches('');
  }

  /** Cuts every connection. */
  breakConnections(): void {
    this.#server.closeAllConnections();
  }

  bookmark(): void {
    this.#version += 1;
    for (const { response } of this.#watchers) {
      response.write(
        `${JSON.stringify({ type: 'BOOKMARK', object: { metadata: { resourceVersion: String(this.#version) } } })}\n`,
      );
    }
  }

  /** Resolves when a request that fits has come, or has come before. */
  async seen(fits: (request: SeenRequest) => boolean): Promise<SeenRequest> {
    for (;;) {
      const found = this.requests.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#arrivals.add(resolve));
    }
  }

  #endWatches(lastLine: string): void {
    const ended = [...this.#watchers];
    this.#watchers.clear();
    for (const { response } of ended) response.end(lastLine);
  }

  #record(collection: string, type: StoredEvent['type'], object: StoredObject, store: (stored: StoredObject) => void): void {
    this.#version += 1;
    const stored = { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
    store(stored);
    this.#history.push({ version: this.#version, collection, type, object: stored });
    for (const watcher of this.#watchers) {
      if (watcher.collection === collection) watcher.response.write(`${JSON.stringify({ type, object: stored })}\n`);
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://api');
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const query = Object.fromEntries(url.searchParams);
    this.requests.push({ method: request.method ?? '', path: url.pathname, query, body: Buffer.concat(chunks).toString() });
    for (const arrived of this.#arrivals) arrived();
    this.#arrivals.clear();
    const refusal = this.#refusals.get(url.pathname);
    if (refusal !== undefined) sendStatus(response, refusal.status, refusal.message);
    else if (query['watch'] === 'true') this.#watch(url.pathname, Number(query['resourceVersion']), response);
    else if (this.#objects.has(url.pathname)) this.#list(url.pathname, query, response);
    else this.#find(url.pathname, response);
  }

  #list(collection: string, query: Readonly<Record<string, string>>, response: ServerResponse): void {
    const all = [...this.#collection(collection).values()];
    const from = Number(query['continue'] ?? 0);
    const end = query['limit'] === undefined ? all.length : from + Number(query['limit']);
    const metadata = { resourceVersion: String(this.#version), ...(end < all.length ? { continue: String(end) } : {}) };
    send(response, 200, { kind: 'List', metadata, items: all.slice(from, end) });
  }

  #find(path: string, response: ServerResponse): void {
    const at = path.lastIndexOf('/');
    const name = path.slice(at + 1);
    const found = [...(this.#objects.get(path.slice(0, at))?.values() ?? [])].find((object) => object.metadata.name === name);
    if (found === undefined) sendStatus(response, 404, `${path} was not found`);
    else send(response, 200, found);
  }

  #watch(collection: string, from: number, response: ServerResponse): void {
    if (from < this.#forgotten) {
      sendStatus(response, 410, 'too old resource version');
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const event of this.#history) {
      if (event.collection === collection && event.version > from)
        response.write(`${JSON.stringify({ type: event.type, object: event.object })}\n`);
    }
    const watcher = { collection, response };
    this.#watchers.add(watcher);
    response.once('close', () => this.#watchers.delete(watcher));
  }

  /** Makes the collection exist, be it empty. */
  #collection(path: string): Map<string, StoredObject> {
    const found = this.#objects.get(path) ?? new Map<string, StoredObject>();
    this.#objects.set(path, found);
    return found;
  }

  /** Collections that are there and empty; others answer 404. */
  addCollections(...paths: readonly string[]): void {
    for (const path of paths) this.#collection(path);
  }
}

function keyOf({ metadata }: StoredObject): string {
  return `${metadata.namespace ?? ''}/${metadata.name}`;
}

function sendStatus(response: ServerResponse, status: number, message: string): void {
  const reasons: Readonly<Record<number, string>> = { 403: 'Forbidden', 404: 'NotFound', 410: 'Expired' };
  send(response, status, { kind: 'Status', code: status, reason: reasons[status] ?? 'Unknown', message });
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}
