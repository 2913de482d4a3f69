import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { KubeClient } from '#net/kube/kube-client.ts';

const namespacePath = '/api/v1/namespaces/ambassador';

/** Objects as an installed, healthy traffic-manager has them. */
export const readyPod = {
  metadata: { name: 'traffic-manager-0', labels: { app: 'traffic-manager' } },
  spec: { containers: [{ ports: [{ name: 'api', containerPort: 8081 }] }] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
};
const service = { spec: { selector: { app: 'traffic-manager' }, ports: [{ name: 'api', port: 8081, targetPort: 'api' }] } };

/** For tests: an API server with the objects of a traffic-manager and a port-forward that leads to a real TCP port. */
export class FakeCluster {
  /** Answers by path; a number is the status of a refusal in the API server's words. */
  readonly answers = new Map<string, unknown>([
    [`${namespacePath}/services/traffic-manager`, service],
    [`${namespacePath}/pods`, { items: [readyPod] }],
  ]);
  readonly requests: string[] = [];
  /** Where port-forwards lead. */
  port = 0;
  /** Where those to a pod lead instead. */
  readonly podPorts = new Map<string, number>();
  /** No port-forward is answered while set; those that are open stay so. */
  isDeaf = false;
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true, handleProtocols: () => 'v4.channel.k8s.io' });
  readonly #forwards = new Map<WebSocket, Socket>();
  readonly #pods = new Map<WebSocket, string>();
  readonly #unanswered = new Set<Duplex>();
  readonly #connections = new Set<Duplex>();

  constructor() {
    this.#server = http.createServer((request, response) => this.#serve(request, response));
    this.#server.on('connection', (socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      const answer = this.answers.get(new URL(request.url ?? '', 'http://fake').pathname);
      if (this.isDeaf) this.#unanswered.add(socket);
      else if (typeof answer === 'number') socket.end(refusalText(answer));
      else this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#forward(webSocket, request));
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): URL {
    return new URL(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`);
  }

  open(): KubeClient {
    return new KubeClient({ server: this.url, requestOptions: async () => ({}) });
  }

  get forwards(): number {
    return this.#forwards.size;
  }

  /** Connections of any kind that laptops hold to the API server. */
  get connections(): number {
    return this.#connections.size;
  }

  podsAre(...items: readonly unknown[]): void {
    this.answers.set(`${namespacePath}/pods`, { items });
  }

  refuse(what: 'services' | 'pods' | 'port-forward', status: number): void {
    const paths = {
      services: `${namespacePath}/services/traffic-manager`,
      pods: `${namespacePath}/pods`,
      'port-forward': `${namespacePath}/pods/${readyPod.metadata.name}/portforward`,
    };
    this.answers.set(paths[what], status);
  }

  /** Breaks every port-forward, as an API server that is restarted does. */
  cut(): void {
    for (const webSocket of this.#forwards.keys()) webSocket.terminate();
  }

  /** Port-forwards to one pod. */
  forwardsTo(pod: string): number {
    return [...this.#pods.values()].filter((name) => name === pod).length;
  }

  /** Breaks those to one pod. */
  cutPod(pod: string): void {
    for (const [webSocket, name] of this.#pods) if (name === pod) webSocket.terminate();
  }

  /** Breaks the port-forward that was opened last. */
  cutLast(): void {
    [...this.#forwards.keys()].at(-1)?.terminate();
  }

  /** Sockets stay open and nothing comes or goes any more, as on a network that drops packets. */
  fallSilent(): void {
    for (const [webSocket, socket] of this.#forwards) {
      webSocket.pause();
      socket.pause();
    }
  }

  async stop(): Promise<void> {
    this.cut();
    for (const socket of this.#unanswered) socket.destroy();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '', 'http://fake');
    this.requests.push(pathname);
    const answer = this.answers.get(pathname) ?? 404;
    const status = typeof answer === 'number' ? answer : 200;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(typeof answer === 'number' ? refusal(answer) : answer));
  }

  #forward(webSocket: WebSocket, request: IncomingMessage): void {
    const pod = /\/pods\/([^/]+)\/portforward/.exec(request.url ?? '')?.[1] ?? '';
    const port = this.podPorts.get(pod) ?? this.port;
    const announce = (channel: number) => webSocket.send(Buffer.from([channel, port & 0xff, port >> 8]));
    announce(0);
    announce(1);
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#forwards.set(webSocket, socket);
    this.#pods.set(webSocket, pod);
    webSocket.on('error', () => undefined);
    webSocket.on('message', (message: Buffer) => socket.write(message.subarray(1)));
    webSocket.once('close', () => {
      this.#forwards.delete(webSocket);
      this.#pods.delete(webSocket);
      socket.destroy();
    });
    socket.on('data', (chunk: Buffer) => webSocket.send(Buffer.concat([Buffer.from([0]), chunk])));
    socket.on('error', (error) => webSocket.send(Buffer.concat([Buffer.from([1]), Buffer.from(error.message)])));
    socket.once('close', () => webSocket.close());
  }
}

function refusal(status: number): object {
  const texts: Readonly<Record<number, [string, string]>> = {
    401: ['Unauthorized', 'Unauthorized'],
    403: ['Forbidden', 'pods is forbidden: User "dev" cannot list resource "pods" in API group "" in the namespace "ambassador"'],
    404: ['NotFound', 'not found'],
  };
  const [reason, message] = texts[status] ?? ['InternalError', 'trouble in the API server'];
  return { kind: 'Status', code: status, reason, message };
}

function refusalText(status: number): string {
  const body = JSON.stringify(refusal(status));
  return `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}
