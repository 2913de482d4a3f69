import type { IncomingMessage, ServerResponse } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from '#base/common/log.ts';
import type { ServerCertificate } from '#base/node/certificates/server-certificate.ts';
import type { ClusterClock } from '../cluster-clock.ts';
import type { NodeApi } from '../node/node-api.ts';
import { serverVersion } from '../server-version.ts';
import { resources } from '../store/resources.ts';
import { StatusError } from '../store/status-error.ts';
import type { Admit, ObjectStore, UserInfo } from '../store/store.ts';
import type { Authenticator } from './authentication.ts';
import { authorize } from './authorization.ts';
import { discover } from './discovery.ts';
import { evict } from './eviction.ts';
import type { Faults } from './faults.ts';
import { parseObject, readBody, sendJson, sendStatus, sendText, statusOf } from './http-answers.ts';
import { answerObjectRequest } from './object-requests.ts';
import { openApiV2, openApiV3 } from './openapi.ts';
import { type RequestInfo, type ResourceRequest, readRequest } from './request-info.ts';
import { answerReview, answerTokenRequest, reviewKinds } from './reviews.ts';
import { statsSummary } from './stats-summary.ts';
import { sendLogs, upgradePodRequest } from './streams/pod-requests.ts';

export interface ApiServerOptions {
  readonly store: ObjectStore;
  readonly authenticator: Authenticator;
  readonly admit: Admit;
  /** Asked for with each request: the node starts after the API server, which it needs. */
  readonly nodeSide: () => { readonly nodeApi: NodeApi };
  readonly faults: Faults;
  readonly certificate: ServerCertificate;
  readonly clock: Pick<ClusterClock, 'now'>;
  readonly log: Logger;
}

export interface ApiServer {
  /** Listens on one more address; returns the port. */
  listen(host: string, port: number): Promise<number>;
  /** Serves a connection that came another way, still without TLS. */
  accept(connection: Duplex): void;
  /** From now on, to all who come. */
  showCertificate(certificate: ServerCertificate): void;
  stop(): Promise<void>;
}

/** Subresources that are streams in both directions. */
const upgraded = ['exec', 'attach', 'portforward'];

/** Written like objects, in part. */
const stored = [undefined, 'status', 'scale', 'ephemeralcontainers'];

/** The Kubernetes API of the sandbox, over TLS and HTTP/1.1, which every client speaks and upgrades need. */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { certificate, clock, log } = options;
  const servers: https.Server[] = [];
  const tunnels = new Set<Duplex>();
  let inside: https.Server | undefined;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url, info, user } = await admitted(options, request);
    if (info.kind === 'path') answerPath(url.pathname, request, response);
    else await answerResource(options, { info, user, url, request, response });
  }

  async function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<void> {
    const { store } = options;
    const { url, info } = await admitted(options, request);
    if (info.kind === 'path' || info.plural !== 'pods' || !upgraded.includes(info.subresource ?? ''))
      throw new StatusError(400, 'BadRequest', 'there is nothing to upgrade to here');
    const pod = { namespace: info.namespace ?? '', name: info.name ?? '' };
    const call = { store, node: options.nodeSide().nodeApi, pod, query: url.searchParams };
    await upgradePodRequest(info.subresource ?? '', call, { request, socket, head });
  }

  function createServer(): https.Server {
    const server = https.createServer({ cert: certificate.certificate, key: certificate.key, ALPNProtocols: ['http/1.1'] });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      response.setHeader('date', new Date(clock.now()).toUTCString());
      answer(request, response).catch((error: unknown) => refuse(error, request, response, log));
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      tunnels.add(socket);
      socket.once('close', () => tunnels.delete(socket));
      socket.on('error', () => socket.destroy());
      upgrade(request, socket, head).catch((error: unknown) => refuseUpgrade(error, socket));
    });
    // A watch lasts as long as it was asked to.
    server.requestTimeout = 0;
    return server;
  }

  function createInside(): https.Server {
    inside ??= createServer();
    return inside;
  }

  return {
    listen: async (host, port) => {
      const server = createServer();
      servers.push(server);
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      return (server.address() as AddressInfo).port;
    },
    accept: (connection) => {
      tunnels.add(connection);
      connection.once('close', () => tunnels.delete(connection));
      connection.on('error', () => connection.destroy());
      createInside().emit('connection', connection);
    },
    showCertificate: (shown) => {
      for (const server of [...servers, createInside()]) server.setSecureContext({ cert: shown.certificate, key: shown.key });
    },
    stop: async () => {
      for (const tunnel of tunnels) tunnel.destroy();
      await Promise.all(
        servers.map(async (server) => {
          const closed = new Promise<void>((resolve) => server.close(() => resolve()));
          server.closeAllConnections();
          await closed;
        }),
      );
    },
  };
}

interface AdmittedRequest {
  readonly url: URL;
  readonly info: RequestInfo;
  readonly user: UserInfo;
}

/** Who asks for what, if they may. @throws StatusError 401, 403, or a fault */
async function admitted({ store, authenticator, faults }: ApiServerOptions, request: IncomingMessage): Promise<AdmittedRequest> {
  const url = new URL(request.url ?? '/', 'https://sandbox');
  const method = request.method ?? 'GET';
  if (await faults.apply(method, url.pathname)) {
    request.socket.destroy();
    throw new StatusError(500, 'InternalError', 'the connection was cut, as the sandbox was asked to');
  }
  const user = authenticator.authenticate(request.headers.authorization);
  const info = readRequest(method, url);
  authorize(store, user, info);
  return { url, info, user };
}

interface ResourceCall {
  readonly info: ResourceRequest;
  readonly user: UserInfo;
  readonly url: URL;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function answerResource(options: ApiServerOptions, call: ResourceCall): Promise<void> {
  const { store, authenticator, admit } = options;
  const { info, user, url, request, response } = call;
  const { resource, subresource, namespace = '', name = '' } = info;
  const query = url.searchParams;
  const body = async () => parseObject(await readBody(request), request.headers['content-type'] ?? 'application/json');
  const review = reviewKinds.find(({ group, plural }) => group === info.group && plural === info.plural);
  if (review !== undefined && info.verb === 'create') {
    sendJson(response, 201, answerReview(review.kind, await body(), { store, authenticator, user }));
    return;
  }
  if (info.group === '' && info.plural === 'nodes' && subresource === 'proxy' && url.pathname.endsWith('/proxy/stats/summary'))
    return sendJson(response, 200, statsSummary(name, options.nodeSide().nodeApi.usage()));
  if (resource === undefined) throw unknownPath();
  if (subresource !== undefined && !resource.subresources.includes(subresource)) throw unknownPath();
  if (stored.includes(subresource)) {
    await answerObjectRequest({ store, admit, user, info: { ...info, resource }, query, request, response });
    return;
  }
  switch (subresource) {
    case 'log':
      await sendLogs({ store, node: options.nodeSide().nodeApi, pod: { namespace, name }, query }, response);
      return;
    case 'eviction':
      evict(store, namespace, name, await body());
      sendJson(response, 201, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 });
      return;
    case 'token':
      sendJson(response, 201, answerTokenRequest(await body(), namespace, name, { store, authenticator }));
      return;
    case 'finalize': {
      const { spec } = await body();
      sendJson(
        response,
        200,
        store.patch(resources.namespaces, undefined, name, (current) => ({ ...current, spec })),
      );
      return;
    }
    default:
      throw new StatusError(400, 'BadRequest', 'Upgrade request required');
  }
}

function answerPath(path: string, request: IncomingMessage, response: ServerResponse): void {
  if (['/healthz', '/livez', '/readyz'].includes(path)) return sendText(response, 200, 'ok');
  if (path === '/version' || path === '/version/') return sendJson(response, 200, serverVersion);
  if (path === '/')
    return sendJson(response, 200, { paths: ['/api', '/apis', '/healthz', '/openapi/v2', '/openapi/v3', '/version'] });
  const accept = request.headers.accept ?? '';
  // Clients that want protobuf only are told that there is none, and ask again for JSON.
  const isJsonTaken = accept === '' || /json|\*\/\*/.test(accept);
  const found = path === '/openapi/v2' ? openApiV2() : path.startsWith('/openapi/v3') ? openApiV3(path) : discover(path);
  if (found === undefined) throw unknownPath();
  if (!isJsonTaken) throw new StatusError(406, 'NotAcceptable', 'only application/json is served here');
  return sendJson(response, 200, found);
}

function unknownPath(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
}

function refuse(error: unknown, request: IncomingMessage, response: ServerResponse, log: Logger): void {
  const status = statusOf(error);
  if (!(error instanceof StatusError))
    log.error('A request failed', { method: request.method, path: request.url?.split('?')[0], error });
  if (response.headersSent || response.destroyed) response.destroy();
  else sendStatus(response, status);
}

function refuseUpgrade(error: unknown, socket: Duplex): void {
  const status = statusOf(error);
  const body = JSON.stringify(status);
  const head = [
    `HTTP/1.1 ${status.code} ${status.reason ?? 'Error'}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  if (!socket.destroyed) socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}
