import koffi from 'koffi';
import { type IpAddress, ipToBytes } from '#base/common/ip.ts';
import { SystemCallError } from './linux-sockets.ts';

/**
 * Sockets as descriptors, for who hands them to another process or makes them in another network namespace; Node's own are its own.
 * Importing this file is harmless anywhere; calling it works on Linux (64 bit) only.
 */

export interface SocketOptions {
  readonly kind: 'tcp' | 'udp';
  readonly family: 4 | 6;
  readonly isNonBlocking?: boolean;
}

// asm-generic/socket.h and linux/socket.h; the same on x86-64 and arm64.
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;

/**
 * A socket of the network namespace in which this thread is, closed when a process is executed. The caller closes it.
 *
 * @throws SystemCallError
 */
export function openInternetSocket({ kind, family, isNonBlocking = false }: SocketOptions): number {
  const type = (kind === 'udp' ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC | (isNonBlocking ? SOCK_NONBLOCK : 0);
  const descriptor = libc().socket(family === 4 ? AF_INET : AF_INET6, type, 0);
  if (descriptor < 0) fail('socket');
  return descriptor;
}

/**
 * Binds a socket of the address's family, beside others that allow it too (SO_REUSEADDR). Port 0: the kernel chooses one.
 *
 * @throws SystemCallError
 */
export function bindInternetSocket(descriptor: number, address: IpAddress, port: number): void {
  const on = Buffer.from([1, 0, 0, 0]);
  if (libc().setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, on, on.length) !== 0) fail('setsockopt');
  // `struct sockaddr_in`, or `sockaddr_in6`, which has four bytes of flow information in front of the address.
  const socketAddress = Buffer.alloc(address.family === 4 ? 16 : 28);
  socketAddress.writeUInt16LE(address.family === 4 ? AF_INET : AF_INET6, 0);
  socketAddress.writeUInt16BE(port, 2);
  socketAddress.set(ipToBytes(address), address.family === 4 ? 4 : 8);
  if (libc().bind(descriptor, socketAddress, socketAddress.length) !== 0) fail('bind');
}

/** @throws SystemCallError */
export function listenOnSocket(descriptor: number, backlog: number): void {
  if (libc().listen(descriptor, backlog) !== 0) fail('listen');
}

interface Libc {
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly setsockopt: (descriptor: number, level: number, option: number, value: Buffer, bytes: number) => number;
  readonly bind: (descriptor: number, address: Buffer, bytes: number) => number;
  readonly listen: (descriptor: number, backlog: number) => number;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null);
  loaded = {
    socket: library.func('int socket(int, int, int)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    bind: library.func('int bind(int, const void *, uint32_t)'),
    listen: library.func('int listen(int, int)'),
  };
  return loaded;
}

function fail(call: string): never {
  throw new SystemCallError(call, koffi.errno());
}
