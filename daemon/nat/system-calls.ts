import fs from 'node:fs';
import os from 'node:os';
import koffi from 'koffi';
import { AppError } from '#protocol/errors/app-error.ts';

/**
 * The few system calls of the packet path that Node has no equally direct way to. They are synchronous and cost about a quarter of a
 * microsecond above the call itself. The symbols come from the running process, so that glibc and musl serve alike; `eventfd` is Linux's.
 */
const libc = koffi.load(null);

/** O_CLOEXEC, which `node:fs` does not name; the same on x86-64 and arm64. */
const closeOnExec = 0o2_000_000;

type BufferCall = (fd: number, bytes: Uint8Array, length: number) => number;

/** Both return the number of bytes, or -1: then `lastErrno` tells why. A TUN device moves one packet for each call. */
export const readFd = libc.func('long read(int fd, void *bytes, size_t length)') as BufferCall;
export const writeFd = libc.func('long write(int fd, const void *bytes, size_t length)') as BufferCall;

const pollFds = libc.func('int poll(void *fds, unsigned long count, int timeoutMs)') as (
  fds: Int32Array,
  count: number,
  timeoutMs: number,
) => number;
const eventfd = libc.func('int eventfd(unsigned int initial, int flags)') as (initial: number, flags: number) => number;
const close = libc.func('int close(int fd)') as (fd: number) => number;

/** errno of the calling thread's last failed call. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Nothing to read now, or interrupted by a signal: not a failure. */
export function isTransientErrno(errno: number): boolean {
  return errno === os.constants.errno.EAGAIN || errno === os.constants.errno.EINTR;
}

/** Name of an errno value, such as `EBADFD`, or its number where the platform gives no name. */
export function errnoName(errno: number): string {
  return Object.entries(os.constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}

/** Waits until one of two descriptors can be read. */
export class ReadWaiter {
  // struct pollfd { int fd; short events; short revents; } twice; POLLIN is 1 everywhere.
  readonly #fds: Int32Array;

  constructor(firstFd: number, secondFd: number) {
    this.#fds = new Int32Array([firstFd, 0, secondFd, 0]);
    const events = new Int16Array(this.#fds.buffer);
    events[2] = 1;
    events[6] = 1;
  }

  /** Blocks the calling thread for at most `timeoutMs`. */
  wait(timeoutMs: number): void {
    pollFds(this.#fds, 2, timeoutMs);
  }
}

/** A descriptor that becomes readable when `wake` is called, from any thread. */
export class WakeEvent implements Disposable {
  readonly fd: number;
  #isClosed = false;

  constructor() {
    // EFD_CLOEXEC | EFD_NONBLOCK, which are O_CLOEXEC and O_NONBLOCK under other names.
    this.fd = eventfd(0, closeOnExec | fs.constants.O_NONBLOCK);
    if (this.fd < 0)
      throw new AppError({ code: 'internal', message: 'No wake-up event for the packet thread', reason: errnoName(lastErrno()) });
  }

  wake(): void {
    if (!this.#isClosed) writeFd(this.fd, new Uint8Array(new BigUint64Array([1n]).buffer), 8);
  }

  [Symbol.dispose](): void {
    if (!this.#isClosed) close(this.fd);
    this.#isClosed = true;
  }
}
