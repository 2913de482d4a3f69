import http2, { type ClientHttp2Session, type Http2Server } from 'node:http2';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { acceptTunnel } from '#net/tunnel/accept-tunnel.ts';
import { clientSessionOptions, connectionWindowBytes, serverOptions } from '#net/tunnel/http2-options.ts';
import { managerTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import type { Endpoint, Protocol } from '#net/tunnel/stream-info.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';

export const source: Endpoint = { ip: { family: 4, value: 0x0a000001n }, port: 40_000 };
export const destination: Endpoint = { ip: { family: 4, value: 0x0a600001n }, port: 80 };

/** Both ends of tunnels over one real HTTP/2 connection: the laptop's, and the far one that a traffic-manager holds. */
export class TunnelPairs {
  readonly #server: Http2Server;
  readonly #accepted: ((tunnel: TunnelDuplex) => void)[] = [];
  #session: ClientHttp2Session | undefined;

  constructor() {
    this.#server = http2.createServer(serverOptions);
    this.#server.on('session', (session) => session.setLocalWindowSize(connectionWindowBytes));
    this.#server.on('stream', (stream) => {
      stream.on('error', () => undefined);
      void acceptTunnel(stream).then(({ tunnel }) => {
        tunnel.on('error', () => undefined);
        this.#accepted.shift()?.(tunnel);
      });
    });
  }

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    this.#session = http2.connect(`http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`, clientSessionOptions);
    this.#session.on('error', () => undefined);
  }

  /** A tunnel whose far side has dialled. */
  async open(protocol: Protocol = 'tcp'): Promise<{ readonly laptop: TunnelDuplex; readonly cluster: TunnelDuplex }> {
    const session = this.#session;
    if (session === undefined) throw new Error('Not started');
    const accepted = new Promise<TunnelDuplex>((resolve) => this.#accepted.push(resolve));
    const laptop = openTunnel(session, managerTunnelPath, {
      connectionId: { source, destination, protocol },
      sessionId: 'test',
      dialTimeoutMs: 1_000,
      roundtripMs: 0,
    });
    laptop.on('error', () => undefined);
    const cluster = await accepted;
    cluster.dialOk();
    await laptop.dialled;
    return { laptop, cluster };
  }

  /** Ends the connection under all tunnels. */
  cut(): void {
    this.#session?.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

/** Both ends of connections over loopback: the program's, and the one that a listener accepted. */
export class SocketPairs {
  readonly #server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
  readonly #sockets = new Set<Socket>();

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  async open(): Promise<{ readonly program: Socket; readonly accepted: Socket }> {
    const accepting = new Promise<Socket>((resolve) => this.#server.once('connection', resolve));
    const program = connect({ port: (this.#server.address() as AddressInfo).port, host: '127.0.0.1', allowHalfOpen: true });
    program.on('error', () => undefined);
    const accepted = await accepting;
    this.#sockets.add(program).add(accepted);
    return { program, accepted };
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
