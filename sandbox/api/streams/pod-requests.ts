import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { createWebSocketStream, type WebSocket, WebSocketServer } from 'ws';
import { type ExecSession, type NodeApi, NodeError, type PodName } from '../../node/node-api.ts';
import { type KubeObject, listAt, textAt } from '../../store/objects.ts';
import { resources } from '../../store/resources.ts';
import { badRequest, StatusError } from '../../store/status-error.ts';
import type { ObjectStore } from '../../store/store.ts';
import { isTrue } from '../http-answers.ts';
import { carryExec } from './exec.ts';
import { forwardByChannels, forwardBySpdy } from './port-forward.ts';

export interface PodRequest {
  readonly store: ObjectStore;
  readonly node: NodeApi;
  readonly pod: PodName;
  readonly query: URLSearchParams;
}

/** Protocols inside of WebSockets that are understood here, best first. */
const protocols = {
  exec: ['v5.channel.k8s.io', 'v4.channel.k8s.io'],
  portForward: ['SPDY/3.1+portforward.k8s.io', 'v4.channel.k8s.io'],
} as const;

const webSockets = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  skipUTF8Validation: true,
  handleProtocols: (offered) => [...protocols.exec, ...protocols.portForward].find((known) => offered.has(known)) ?? false,
});

/** What a container has written, and with `follow` what it writes from now on. */
export async function sendLogs(call: PodRequest, response: ServerResponse): Promise<void> {
  const { store, node, pod, query } = call;
  const container = containerOf(store.mustGet(resources.pods, pod.namespace, pod.name), query.get('container'));
  const number = (name: string) => (query.get(name) === null ? undefined : Number(query.get(name)));
  const [tailLines, limitBytes, sinceSeconds] = [number('tailLines'), number('limitBytes'), number('sinceSeconds')];
  const sinceTime = query.get('sinceTime');
  const since =
    sinceTime === null
      ? sinceSeconds === undefined
        ? undefined
        : new Date(Date.now() - sinceSeconds * 1000)
      : new Date(sinceTime);
  const logs = await asked(
    node.logs(pod, container, {
      isFollowed: isTrue(query, 'follow'),
      isPrevious: isTrue(query, 'previous'),
      hasTimestamps: isTrue(query, 'timestamps'),
      ...(tailLines === undefined ? {} : { tailLines }),
      ...(limitBytes === undefined ? {} : { limitBytes }),
      ...(since === undefined ? {} : { since }),
    }),
  );
  response.writeHead(200, { 'content-type': 'text/plain' });
  response.flushHeaders();
  response.once('close', () => logs.destroy());
  logs.on('error', () => response.destroy());
  logs.pipe(response);
}

/**
 * `exec`, `attach` and `portforward` of an upgraded connection.
 *
 * @throws StatusError where there is no upgrade, which is answered as any refusal
 */
export async function upgradePodRequest(
  subresource: string,
  call: PodRequest,
  upgrade: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
): Promise<void> {
  const { node, pod } = call;
  const found = call.store.mustGet(resources.pods, pod.namespace, pod.name);
  if (subresource === 'portforward') return await openPortForward(call, found, upgrade);
  requireWebSocket(upgrade.request, protocols.exec);
  const { query } = call;
  const container = containerOf(found, query.get('container'));
  const options = { hasStdin: isTrue(query, 'stdin'), isTty: isTrue(query, 'tty') };
  const session: ExecSession = await asked(
    subresource === 'attach' ? node.attach(pod, container, options) : node.exec(pod, container, query.getAll('command'), options),
  );
  carryExec(session, await accept(upgrade), {
    hasStdin: options.hasStdin,
    hasStdout: isTrue(query, 'stdout'),
    hasStderr: isTrue(query, 'stderr'),
  });
}

async function openPortForward(
  { node, pod, query }: PodRequest,
  found: KubeObject,
  upgrade: { readonly request: IncomingMessage; readonly socket: Duplex; readonly head: Buffer },
): Promise<void> {
  const { request, socket, head } = upgrade;
  if (textAt(found, 'status', 'phase') !== 'Running')
    throw badRequest(`unable to forward port because pod is not running. Current status=${textAt(found, 'status', 'phase')}`);
  if (/^spdy\/3\.1$/i.test(request.headers.upgrade ?? '')) {
    const answer = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      'Upgrade: SPDY/3.1',
      'X-Stream-Protocol-Version: portforward.k8s.io',
    ];
    socket.write(`${answer.join('\r\n')}\r\n\r\n`);
    if (head.length > 0) socket.unshift(head);
    forwardBySpdy(node, pod, socket);
    return;
  }
  requireWebSocket(request, protocols.portForward);
  const webSocket = await accept(upgrade);
  if (webSocket.protocol === protocols.portForward[0]) {
    forwardBySpdy(node, pod, streamOf(webSocket));
    return;
  }
  const ports = query.getAll('ports').flatMap((list) => list.split(',').map(Number));
  forwardByChannels(node, pod, ports, webSocket);
}

function streamOf(webSocket: WebSocket): Duplex {
  const stream = createWebSocketStream(webSocket, { readableObjectMode: false });
  // kubectl closes its end without the closing handshake.
  stream.on('error', () => stream.destroy());
  return stream;
}

function requireWebSocket(request: IncomingMessage, known: readonly string[]): void {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/, */);
  if (request.headers.upgrade?.toLowerCase() === 'websocket' && offered.some((protocol) => known.includes(protocol))) return;
  throw new StatusError(400, 'BadRequest', `the sandbox takes these protocols inside of a WebSocket here: ${known.join(', ')}`);
}

async function accept({
  request,
  socket,
  head,
}: {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}): Promise<WebSocket> {
  return await new Promise((resolve) => {
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.binaryType = 'nodebuffer';
      webSocket.on('error', () => webSocket.terminate());
      resolve(webSocket);
    });
  });
}

/** The container that is named, or the only one, or the pod's default. */
function containerOf(pod: KubeObject, wanted: string | null): string {
  const containers = ['containers', 'initContainers', 'ephemeralContainers'].flatMap((list) =>
    listAt(pod, 'spec', list).map((container) => textAt(container, 'name')),
  );
  const name = wanted ?? pod.metadata.annotations?.['kubectl.kubernetes.io/default-container'] ?? containers[0] ?? '';
  if (containers.includes(name)) return name;
  throw badRequest(`container ${name} is not valid for pod ${pod.metadata.name}`);
}

/** The node's refusals in the words of the API. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof NodeError)) throw error;
    if (error.reason === 'missing') throw new StatusError(404, 'NotFound', error.message);
    if (error.reason === 'not-running') throw badRequest(error.message);
    throw new StatusError(500, 'InternalError', `Internal error occurred: ${error.message}`);
  }
}
