import http2 from 'node:http2';
import { Duplex } from 'node:stream';
import { type Deferred, deferred } from '#base/common/deferred.ts';
import { MuxStream } from '../mux/mux-stream.ts';
import { encodeHeader, encodeMessage, FrameDecoder } from './framing.ts';
import { TunnelProtocolError, tunnelCode } from './tunnel-code.ts';
import { isCallee, type TunnelStream } from './tunnel-stream.ts';

/** The far side could not reach the destination, or refused to try. */
export class DialRejectedError extends Error {
  override readonly name = 'DialRejectedError';
}

/** The far side, or the way to it, ended the tunnel before its time. */
export class TunnelResetError extends Error {
  override readonly name = 'TunnelResetError';
  readonly code = 'ECONNRESET';
}

/** How long a stream may take to end after a disconnect before it is cancelled: a peer that does not read cannot hold it. */
const disconnectGraceMs = 2_000;

/** Bytes that may wait in that stream before a writer is held up: with the windows, what a tunnel can hold on this side. */
const maxOnTheWayBytes = 512 * 1024;

/** A server on the spot answers in a fraction of a millisecond; the end of a connection that is over may come with what its program does next. */
const patience = { verdictMs: 1, endMs: 5 };

/** A source of TCP hands on 64 KiB at most; this keeps one message from holding up the other streams. */
const highWaterMarkBytes = 256 * 1024;

/**
 * The data side of one tunnel: what is written arrives at the far side's connection, what that sends can be read. `end()` is a half
 * close (close-send), `destroy()` a reset (disconnect); the far side's are `end` and an error with code ECONNRESET. Back-pressure runs
 * through to the window of the stream that carries it.
 *
 * With `datagrams` every write is one message and every chunk read is one (object mode).
 */
export class TunnelDuplex extends Duplex {
  readonly #stream: TunnelStream;
  readonly #dialled: Deferred<void> = deferred();
  #isDialSettled = false;
  /** A caller has ended its half of the stream. */
  #hasEndedStream = false;
  #hasPeerEnded = false;
  #hasReceived = false;
  #bytesOnTheWay = 0;
  #heldUp: ((error?: Error | null) => void) | undefined;

  constructor(stream: TunnelStream, options: { readonly datagrams: boolean }) {
    super({
      allowHalfOpen: true,
      readableObjectMode: options.datagrams,
      writableObjectMode: options.datagrams,
      ...(options.datagrams ? { highWaterMark: 64 } : { highWaterMark: highWaterMarkBytes }),
    });
    this.#stream = stream;
    const decoder = new FrameDecoder({ data: (bytes) => this.#receive(bytes), control: (code) => this.#control(code) }, options);
    stream.on('data', (chunk: Buffer) => {
      try {
        decoder.push(chunk);
      } catch (error) {
        this.destroy(error instanceof Error ? error : new TunnelProtocolError(String(error)));
      }
    });
    stream.on('end', () => this.#streamEnded());
    stream.on('error', (error: Error) => this.#fail(error));
    stream.on('close', () => {
      if (stream.rstCode === http2.constants.NGHTTP2_NO_ERROR) this.#peerEnded();
      else this.#fail(new TunnelResetError(`The tunnel was reset (code ${stream.rstCode})`));
    });
  }

  /** Settles with the far side's verdict: resolves on dial-ok, rejects with `DialRejectedError` or what ended the tunnel. */
  get dialled(): Promise<void> {
    return this.#dialled.promise;
  }

  /** Sends a message other than data. */
  sendControl(code: number, rest?: Buffer): void {
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.write(encodeMessage(code, rest));
  }

  /** Callee: the destination answered. A caller that has sent data already waits for what that brings, which comes along. */
  dialOk(): void {
    // Nobody reads it yet, so that what came is in either of the two.
    const hasData = this.readableLength > 0 || this.#stream.readableLength > 0;
    this.#send(hasData ? patience.verdictMs : undefined, () => this.sendControl(tunnelCode.dialOk));
  }

  /** Callee: it did not. Ends the tunnel. */
  dialReject(): void {
    this.sendControl(tunnelCode.dialReject);
    this.#closeStream();
    this.destroy();
  }

  override _read(): void {
    if (this.#stream.isPaused()) this.#stream.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.writableEnded) {
      callback(new TunnelResetError('The tunnel is closed'));
      return;
    }
    this.#bytesOnTheWay += chunk.length;
    stream.cork();
    stream.write(encodeHeader(tunnelCode.data, chunk.length));
    stream.write(chunk, (error) => this.#written(chunk.length, error));
    stream.uncork();
    // Waiting for each chunk to leave would send one chunk for each turn of the event loop.
    if (this.#bytesOnTheWay < maxOnTheWayBytes) callback();
    else this.#heldUp = callback;
  }

  #written(bytes: number, error: Error | null | undefined): void {
    this.#bytesOnTheWay -= bytes;
    const heldUp = this.#heldUp;
    if (heldUp === undefined) return;
    this.#heldUp = undefined;
    heldUp(error);
  }

  override _final(callback: (error?: Error | null) => void): void {
    // Nobody waits for the end of who has had its answer, nor for an end that answers one; a request may end by its end.
    const canWait = this.#isCallee ? this.#hasPeerEnded : this.#hasReceived;
    this.#send(canWait ? patience.endMs : undefined, () => {
      this.sendControl(tunnelCode.closeSend);
      // A caller has nothing more to say, and ends its half of the stream in the same flight; a callee's end is the end of the call.
      if (this.#isCallee || this.#stream.destroyed || this.#stream.writableEnded) return;
      this.#hasEndedStream = true;
      this.#stream.end();
    });
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const isInOrder = this.writableFinished && this.#hasPeerEnded;
    // After the end of the stream, only a reset says that it was none in order.
    if (!isInOrder && this.#hasEndedStream) this.#cancelStream();
    else if (!isInOrder) this.sendControl(tunnelCode.disconnect);
    this.#closeStream();
    // A callee has no verdict to wait for, and an error costs more than all else here.
    if (!this.#isDialSettled && !this.#isCallee) this.#rejectDial(error ?? new TunnelResetError('The tunnel was closed'));
    callback(error);
  }

  /** What can wait a moment leaves in one flight with what cannot, of whichever tunnel. */
  #send(patienceMs: number | undefined, send: () => void): void {
    if (patienceMs !== undefined && this.#stream instanceof MuxStream) this.#stream.patiently(patienceMs, send);
    else send();
  }

  get #isCallee(): boolean {
    return isCallee(this.#stream);
  }

  #rejectDial(reason: Error): void {
    this.#isDialSettled = true;
    this.#dialled.reject(reason);
  }

  #cancelStream(): void {
    if (!this.#stream.closed && !this.#stream.destroyed) this.#stream.close(http2.constants.NGHTTP2_CANCEL);
  }

  #closeStream(): void {
    const stream = this.#stream;
    if (stream.closed || stream.destroyed) return;
    if (!stream.writableEnded) this.#send(this.#hasPeerEnded ? patience.endMs : undefined, () => stream.end());
    stream.resume();
    const timer = setTimeout(() => this.#cancelStream(), disconnectGraceMs);
    timer.unref();
    stream.once('close', () => clearTimeout(timer));
  }

  #receive(bytes: Buffer): void {
    if (this.destroyed || this.#hasPeerEnded) return;
    this.#hasReceived = true;
    // A decoded datagram is a view into a larger chunk, which it would keep alive; they are small and short-lived.
    if (!this.push(bytes)) this.#stream.pause();
  }

  #control(code: number): void {
    switch (code) {
      case tunnelCode.dialOk:
        this.#isDialSettled = true;
        this.#dialled.resolve();
        return;
      case tunnelCode.dialReject:
        this.#rejectDial(new DialRejectedError('The destination was not reached'));
        this.#hasPeerEnded = true;
        this.destroy();
        return;
      case tunnelCode.closeSend:
        this.#endReadable();
        return;
      case tunnelCode.disconnect:
        this.#fail(new TunnelResetError('The far side closed the connection'));
        return;
      default:
        // stream-ok, keep-alive, and what later versions may add.
        return;
    }
  }

  /** Stock callers end their half of the stream and send no close-send before it: on the callee's side, in order means half closed. */
  #streamEnded(): void {
    const stream = this.#stream;
    if (this.#isCallee && !stream.aborted && (stream.rstCode ?? 0) === http2.constants.NGHTTP2_NO_ERROR) this.#endReadable();
    else this.#peerEnded();
  }

  /** The stream ended without a close-send: in order where the data side had ended, else as a reset. */
  #peerEnded(): void {
    if (this.#hasPeerEnded) return;
    this.#fail(new TunnelResetError('The tunnel ended'));
  }

  #endReadable(): void {
    if (this.#hasPeerEnded) return;
    this.#hasPeerEnded = true;
    this.push(null);
    // Control messages may still come, and the end of the stream has to be seen.
    this.#stream.resume();
  }

  #fail(error: Error): void {
    if (this.destroyed) return;
    if (this.#hasPeerEnded && this.writableFinished) return;
    if (!this.#isDialSettled) this.#rejectDial(error);
    this.#hasPeerEnded = true;
    this.destroy(error);
  }
}
