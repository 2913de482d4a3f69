import { closeSync } from 'node:fs';
import { createConnection, type Socket } from 'node:net';
import * as z from 'zod/mini';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import { connectUnix, receiveDescriptors, writeAll } from '#base/node/linux-sockets.ts';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import { isErrorCode } from '#protocol/errors/registry.ts';
import {
  type HelperCall,
  type HelperInput,
  type HelperOutput,
  helperApi,
  helperMaxLineBytes,
  helperProtocolVersion,
} from '#protocol/helper/helper-api.ts';
import { splitLines } from '#protocol/helper/helper-lines.ts';

export interface HelperClientOptions {
  readonly signal?: AbortSignal;
}

/** The helper tries several programs of the system for one call, each bounded by seconds. */
const callTimeoutMs = 30_000;
const claimTimeoutMs = 5_000;
/** Answers name what was added and removed, so they may be twice as long as a request, with room for the rest. */
const maxAnswerLength = 3 * helperMaxLineBytes;

const errorData = z.object({
  code: z.string(),
  message: z.string(),
  reason: z.optional(z.string()),
  context: z.optional(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]))),
  remedies: z.optional(z.array(z.object({ label: z.string(), command: z.optional(z.string()), link: z.optional(z.string()) }))),
});

const answerLine = z.union([
  z.object({ id: z.int(), output: z.unknown() }),
  z.object({ id: z.optional(z.int()), error: errorData }),
]);

/**
 * The daemon's connection to the privileged helper, and with it the lease on everything that it asks for: when the connection
 * ends, for whatever reason, the helper undoes it.
 */
export class HelperClient {
  readonly #socket: Socket;
  readonly #socketPath: string;
  readonly #closed = deferred<void>();
  readonly #pending = new Map<number, Deferred<unknown>>();
  #lastId = 0;
  #pid = 0;
  #isService = false;
  #rest = '';
  #failure: AppError | undefined;

  private constructor(socket: Socket, socketPath: string) {
    this.#socket = socket;
    this.#socketPath = socketPath;
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => this.#receive(String(chunk)));
    socket.on('error', (error) => {
      this.#failure ??= notRunning(error.message, error);
    });
    socket.on('close', () => this.#finish());
  }

  /**
   * Connects and shakes hands.
   *
   * @throws AppError `helper.not-running`, `helper.refused`, `version-mismatch`; `cancelled` where the signal aborts.
   */
  static async connect(socketPath: string, { signal }: HelperClientOptions = {}): Promise<HelperClient> {
    const socket = await openSocket(socketPath, signal);
    const client = new HelperClient(socket, socketPath);
    const abort = () => socket.destroy();
    signal?.addEventListener('abort', abort);
    try {
      const { pid, isService } = await client.call('hello', { version: helperProtocolVersion });
      client.#pid = pid;
      client.#isService = isService === true;
      return client;
    } catch (error) {
      socket.destroy();
      throw signal?.aborted === true ? AppError.from(signal.reason) : error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Resolves when the connection has ended, by either side: the helper has undone, or is undoing, everything. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** The helper's process. */
  get pid(): number {
    return this.#pid;
  }

  /** Whether it is there without anybody having asked for it, and stays. */
  get isService(): boolean {
    return this.#isService;
  }

  /** @throws AppError the helper's own, `helper.not-running` where the connection ended first, `timeout`. */
  async call<Call extends HelperCall>(call: Call, input: HelperInput<Call>): Promise<HelperOutput<Call>> {
    if (this.#socket.destroyed) throw this.#failure ?? notRunning('The connection is closed');
    this.#lastId += 1;
    const id = this.#lastId;
    const line = `${JSON.stringify({ id, call, input })}\n`;
    if (line.length > helperMaxLineBytes) {
      throw new AppError({
        code: 'helper.invalid-request',
        message: `${call} is too long for the privileged helper`,
        reason: `${line.length} bytes; ${helperMaxLineBytes} are allowed`,
      });
    }
    const answer = deferred<unknown>();
    this.#pending.set(id, answer);
    const timer = setTimeout(() => {
      answer.reject(new AppError({ code: 'timeout', message: `The privileged helper did not answer ${call}` }));
    }, callTimeoutMs);
    this.#socket.write(line);
    try {
      const output = await answer.promise;
      return helperApi[call].output.parse(output) as HelperOutput<Call>;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  /**
   * Takes the descriptors behind a claim: they belong to the caller, who closes them. They arrive close-on-exec.
   *
   * @throws AppError `interface.failed` where the claim is used up or too old.
   */
  async claim(token: string): Promise<number[]> {
    let descriptor: number | undefined;
    try {
      descriptor = connectUnix(this.#socketPath, claimTimeoutMs);
      writeAll(descriptor, Buffer.from(`${JSON.stringify({ claim: token })}\n`));
      const { data, descriptors } = await receiveDescriptors(descriptor, 4_096);
      if (descriptors.length > 0) return [...descriptors];
      throw claimFailed(data.length === 0 ? 'the helper sent nothing' : data.toString('utf8'));
    } catch (error) {
      throw error instanceof AppError ? error : claimFailed(error instanceof Error ? error.message : String(error), error);
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /** Gives up the lease. Idempotent; resolves when the connection has ended. */
  async close(): Promise<void> {
    this.#socket.end();
    this.#socket.destroySoon();
    await this.closed;
  }

  #receive(chunk: string): void {
    const split = splitLines(this.#rest, chunk, maxAnswerLength);
    if (split === undefined) {
      this.#socket.destroy();
      return;
    }
    this.#rest = split.rest;
    for (const line of split.lines) this.#settle(line);
  }

  #settle(line: string): void {
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      // Falls through: no answer either.
    }
    const parsed = answerLine.safeParse(value);
    if (!parsed.success) {
      this.#socket.destroy();
      return;
    }
    const answer = parsed.data;
    if ('output' in answer) this.#pending.get(answer.id)?.resolve(answer.output);
    else if (answer.id !== undefined) this.#pending.get(answer.id)?.reject(toAppError(answer.error));
    else this.#failure = toAppError(answer.error);
  }

  #finish(): void {
    const failure = this.#failure ?? notRunning('The connection ended');
    for (const answer of this.#pending.values()) answer.reject(failure);
    this.#pending.clear();
    this.#closed.resolve();
  }
}

async function openSocket(path: string, signal: AbortSignal | undefined): Promise<Socket> {
  if (signal?.aborted === true) throw AppError.from(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = createConnection({ path });
  const fail = (error: Error) => reject(notRunning(error.message, error));
  socket.once('connect', resolve);
  socket.once('error', fail);
  await promise;
  socket.off('error', fail);
  return socket;
}

function notRunning(reason: string, cause?: unknown): AppError {
  const isDenied = cause instanceof Error && 'code' in cause && cause.code === 'EACCES';
  if (isDenied) {
    return new AppError({ code: 'helper.refused', message: 'The privileged helper does not serve this user', reason }, cause);
  }
  const remedies = [{ label: 'Start it by connecting again', command: 'telepresence connect' }];
  return new AppError({ code: 'helper.not-running', message: 'The privileged helper is not running', reason, remedies }, cause);
}

function claimFailed(reason: string, cause?: unknown): AppError {
  return new AppError({ code: 'interface.failed', message: 'The virtual network interface was not handed over', reason }, cause);
}

function toAppError(data: z.infer<typeof errorData>): AppError {
  const { code, message, reason, context, remedies } = data;
  const known: ErrorData = {
    code: isErrorCode(code) ? code : 'internal',
    message,
    ...(reason === undefined ? {} : { reason }),
    ...(context === undefined ? {} : { context }),
    ...(remedies === undefined ? {} : { remedies: remedies.map(toRemedy) }),
  };
  return new AppError(known);
}

function toRemedy({ label, command, link }: { label: string; command?: string | undefined; link?: string | undefined }) {
  return { label, ...(command === undefined ? {} : { command }), ...(link === undefined ? {} : { link }) };
}
