import { once } from 'node:events';
import { createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import type { Logger } from '#base/common/log.ts';
import { frameMessage, MessageReader } from './tcp-framing.ts';

/** RFC 7766 section 6.2.3 asks for a few seconds. */
const idleMs = 10_000;
const maxConnections = 256;
/** An asker that does not read its answers is closed; this is two answers of the largest size. */
const maxUnsentBytes = 128 * 1024;
/** Questions of one connection that are worked on at a time. */
const maxOpenQuestions = 64;

/** `undefined` for what gets no answer. */
type Answer = (message: Buffer, from: { readonly address: string; readonly port: number }) => Promise<Buffer | undefined>;

/** DNS over TCP: many questions on a connection, answered in any order. */
export class TcpListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(answer: Answer, logger: Logger) {
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
      serve(socket, answer);
    });
    this.#server.maxConnections = maxConnections;
    this.#server.on('error', (error) => logger.warn('The TCP listener failed', { reason: error.message }));
  }

  async start(where: ListenOptions | { readonly fd: number }): Promise<void> {
    this.#server.listen(where);
    await once(this.#server, 'listening');
  }

  /** Port that it listens on. */
  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    if (!this.#server.listening) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    await promise;
  }
}

function serve(socket: Socket, answer: Answer): void {
  const reader = new MessageReader();
  const from = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
  let open = 0;
  socket.setTimeout(idleMs, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  const answerOne = async (message: Buffer): Promise<void> => {
    open += 1;
    if (open >= maxOpenQuestions) socket.pause();
    const response = await answer(message, from);
    open -= 1;
    if (socket.destroyed) return;
    if (response === undefined || socket.writableLength > maxUnsentBytes) {
      socket.destroy();
      return;
    }
    socket.write(frameMessage(response));
    if (open < maxOpenQuestions) socket.resume();
  };
  socket.on('data', (chunk) => {
    for (const message of reader.push(chunk)) void answerOne(message);
  });
}
