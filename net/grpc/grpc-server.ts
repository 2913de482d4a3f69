import http2, { type Http2Server, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import type { ConnectRouter } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { type Logger, silentLogger } from '#base/common/log.ts';
import { type KeepAliveTiming, MuxConnection, readPreface } from '#net/mux/mux-connection.ts';
import { muxPreface } from '#net/mux/mux-frames.ts';
import type { MuxStream } from '#net/mux/mux-stream.ts';
import { connectionWindowBytes, serverOptions } from '#net/tunnel/http2-options.ts';
import { AppError } from '#protocol/errors/app-error.ts';

/** Serves one call on the bare stream: sends headers, messages and trailers itself. */
export type RawCall = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => void;

export interface GrpcServerOptions {
  /** Services whose calls are plain functions. */
  readonly routes: (router: ConnectRouter) => void;
  /** Calls that are served by hand, by path: `/package.Service/Method`. They win over `routes`. */
  readonly rawCalls?: ReadonlyMap<string, RawCall>;
  /** Serves streams of multiplexed connections, which are taken on the same port; HTTP/2 alone is spoken where absent. */
  readonly onMuxStream?: (stream: MuxStream) => void;
  /** Answers calls of multiplexed connections, see `MuxServerOptions`. */
  readonly onMuxCall?: (question: Buffer) => Promise<Uint8Array>;
  /** How peers of multiplexed connections are found to have vanished. Default: by the kernel's probes of TCP alone. */
  readonly muxKeepAlive?: KeepAliveTiming;
  /** Largest message that `routes` take. Default 4 MiB, gRPC's own. */
  readonly maxMessageBytes?: number;
  readonly logger?: Logger;
}

/** How long a silent peer keeps its TCP connection before the kernel probes it. */
const keepAliveMs = 30_000;

/** What a connection has to say within this time is its first byte. */
const prefaceTimeoutMs = 10_000;

const defaultMaxMessageBytes = 4 * 1024 * 1024;

/**
 * gRPC over cleartext HTTP/2: unary and watch calls by Connect, tunnels by hand, both on the same connections. Connections that begin
 * otherwise are multiplexed ones, for tunnels alone.
 *
 * `stop()` sends GOAWAY, aborts the signals of all `routes` handlers and gives what is still open the grace period to end.
 */
export class GrpcServer {
  readonly #listener: Server;
  readonly #server: Http2Server;
  readonly #options: GrpcServerOptions;
  /** Those that have not said yet what they are. */
  readonly #beginning = new Set<Socket>();
  readonly #muxes = new Set<MuxConnection>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #shutdown = new AbortController();
  readonly #logger: Logger;
  #stopping: Promise<void> | undefined;

  constructor(options: GrpcServerOptions) {
    this.#logger = options.logger ?? silentLogger;
    const maxMessageBytes = options.maxMessageBytes ?? defaultMaxMessageBytes;
    const serveRoutes = connectNodeAdapter({
      routes: options.routes,
      connect: false,
      grpcWeb: false,
      // Messages are small and the wire is mostly local; compression would only cost memory.
      acceptCompression: [],
      readMaxBytes: maxMessageBytes,
      writeMaxBytes: maxMessageBytes,
      shutdownSignal: this.#shutdown.signal,
    });
    this.#options = options;
    this.#listener = net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: keepAliveMs }, (socket) => {
      // Ends with the connection, whoever takes it.
      socket.on('error', () => undefined);
      this.#begin(socket).catch((error: unknown) => {
        this.#logger.debug('A connection ended before it began', { error });
        socket.destroy();
      });
    });
    this.#server = http2.createServer(serverOptions);
    this.#server.on('session', (session) => this.#adopt(session));
    this.#server.on('sessionError', (error) => this.#logger.debug('An HTTP/2 connection failed', { error }));
    this.#server.on('stream', (stream, headers, _flags, rawHeaders) => {
      // A stream whose peer goes away reports it as an error; whoever serves it sees it as its end too.
      stream.on('error', () => undefined);
      // Stock clients name the target that they dialled, in a form that is no authority of a URL; nothing here depends on it.
      headers[':authority'] = 'localhost';
      try {
        const call = options.rawCalls?.get(headers[':path'] ?? '');
        if (call !== undefined) call(stream, headers);
        else serveRoutes(new http2.Http2ServerRequest(stream, headers, {}, rawHeaders), new http2.Http2ServerResponse(stream));
      } catch (error) {
        this.#logger.warn('A call could not be served', { path: headers[':path'], error });
        stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      }
    });
  }

  /** Aborted when the server begins to stop. */
  get shutdownSignal(): AbortSignal {
    return this.#shutdown.signal;
  }

  get connectionCount(): number {
    return this.#sessions.size + this.#muxes.size;
  }

  /** @returns the port, which the system chooses for 0. */
  async listen(port: number, host?: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#listener.once('error', reject);
      this.#listener.listen(port, host, () => {
        this.#listener.off('error', reject);
        resolve();
      });
    });
    this.#listener.on('error', (error) => this.#logger.error('The gRPC listener failed', { error }));
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Ends within `graceMs`; idempotent. */
  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs);
    return this.#stopping;
  }

  async #stop(graceMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    this.#shutdown.abort(new AppError({ code: 'cancelled', message: 'The server stops' }));
    for (const socket of this.#beginning) socket.destroy();
    const muxes = [...this.#muxes];
    for (const mux of muxes) mux.close();
    const ended = [...this.#sessions].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.once('close', () => resolve());
          session.close();
        }),
    );
    const timer = setTimeout(() => {
      for (const open of [...this.#sessions, ...muxes]) open.destroy();
    }, graceMs);
    await Promise.all([closed, ...ended, ...muxes.map((mux) => mux.closed)]);
    clearTimeout(timer);
  }

  async #begin(socket: Socket): Promise<void> {
    const { onMuxStream, onMuxCall, muxKeepAlive } = this.#options;
    const timer = setTimeout(() => socket.destroy(), prefaceTimeoutMs);
    this.#beginning.add(socket);
    const { isMux, head } = await readPreface(socket).finally(() => {
      clearTimeout(timer);
      this.#beginning.delete(socket);
    });
    if (this.#shutdown.signal.aborted) {
      socket.destroy();
    } else if (!isMux || onMuxStream === undefined) {
      // HTTP/2 says itself what it thinks of another preface.
      socket.unshift(isMux ? Buffer.concat([muxPreface, head]) : head);
      this.#server.emit('connection', socket);
    } else {
      const mux = MuxConnection.serve(socket, head, { onStream: onMuxStream, onCall: onMuxCall });
      if (muxKeepAlive !== undefined) mux.keepAlive(muxKeepAlive);
      this.#muxes.add(mux);
      void mux.closed.then(() => this.#muxes.delete(mux));
    }
  }

  #adopt(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    session.on('error', (error) => this.#logger.debug('An HTTP/2 connection failed', { error }));
    session.setLocalWindowSize(connectionWindowBytes);
    if (this.#shutdown.signal.aborted) session.close();
  }
}
