import { closeSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import koffi from 'koffi';

/**
 * The few Linux socket calls that Node does not have: who is at the other end of a Unix socket, and passing open file
 * descriptors through one. Importing this file is harmless anywhere; calling it works on Linux (64 bit) only.
 */

/** The process at the other end of a Unix socket, as the kernel recorded it when the connection was made. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** What arrived with descriptors: the payload and the descriptors themselves, which the receiver now has to close. */
export interface ReceivedDescriptors {
  readonly data: Buffer;
  readonly descriptors: readonly number[];
}

/** A system call that failed: `code` is the symbolic name (`ENOENT`), as in Node's own errors. */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errno === 0 ? 'UNKNOWN' : getSystemErrorName(-errno);
    super(`${call}: ${code}`);
    this.code = code;
  }
}

/** More descriptors than any message of ours carries; the kernel's own limit is 253 (SCM_MAX_FD). */
const maxDescriptors = 16;

// asm-generic/socket.h and linux/socket.h; the same on x86-64 and arm64.
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_RCVTIMEO = 20;
const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;

/** `struct cmsghdr` of a 64-bit system: length (8), level (4), type (4); payload padded to 8 bytes. */
const controlHeaderBytes = 16;
/** `sun_path` with its terminating zero (unix(7)). */
const maxSocketPathBytes = 108;

/** The descriptor of a socket that Node owns, for a call that Node does not have. It stays Node's: never close it. */
export function descriptorOf(socket: Socket): number {
  const handle: unknown = Reflect.get(socket, '_handle');
  const descriptor: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  if (typeof descriptor !== 'number' || descriptor < 0) throw new TypeError('The socket is not open');
  return descriptor;
}

/** SO_PEERCRED of a connected Unix socket (unix(7)). */
export function peerCredentials(descriptor: number): PeerCredentials {
  const credentials = Buffer.alloc(12);
  if (libc().getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, credentials, [credentials.length]) !== 0) fail('getsockopt');
  return { pid: credentials.readInt32LE(0), uid: credentials.readUInt32LE(4), gid: credentials.readUInt32LE(8) };
}

/**
 * Sends `data` with copies of the descriptors. The sender keeps its own and closes them when it wants.
 *
 * The message must fit into the socket's buffer at once: use it for a few bytes on a fresh connection.
 */
export function sendDescriptors(descriptor: number, data: Uint8Array, descriptors: readonly number[]): void {
  if (descriptors.length > maxDescriptors) throw new RangeError(`At most ${maxDescriptors} descriptors`);
  const payloadBytes = descriptors.length * 4;
  const control = Buffer.alloc(controlHeaderBytes + Math.ceil(payloadBytes / 8) * 8);
  control.writeBigUInt64LE(BigInt(controlHeaderBytes + payloadBytes), 0);
  control.writeInt32LE(SOL_SOCKET, 8);
  control.writeInt32LE(SCM_RIGHTS, 12);
  for (const [index, passed] of descriptors.entries()) control.writeInt32LE(passed, controlHeaderBytes + index * 4);
  const sent = libc().sendmsg(descriptor, messageHeader(data, control), MSG_NOSIGNAL);
  if (sent < 0) fail('sendmsg');
  if (sent !== data.length) throw new SystemCallError('sendmsg', 0);
}

/**
 * Waits, off the event loop, for one message on a socket of `connectUnix` and takes its descriptors (close-on-exec).
 *
 * @returns empty data where the other side closed or the socket's receive time-out passed.
 */
export async function receiveDescriptors(descriptor: number, maxBytes: number): Promise<ReceivedDescriptors> {
  const data = Buffer.alloc(maxBytes);
  const control = Buffer.alloc(controlHeaderBytes + maxDescriptors * 4);
  const header = messageHeader(data, control);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  libc().recvmsg.async(descriptor, header, MSG_CMSG_CLOEXEC, (error, received) => {
    if (error === null || error === undefined) resolve(received);
    else reject(error instanceof Error ? error : new SystemCallError('recvmsg', 0));
  });
  const received = await promise;
  if (received <= 0) return { data: Buffer.alloc(0), descriptors: [] };
  return { data: data.subarray(0, received), descriptors: readDescriptors(control, header.msg_controllen) };
}

/**
 * Connects to a Unix socket outside Node's event loop, which would drop descriptors that arrive. Blocking, so only for a
 * listener whose backlog is not full; `receiveTimeoutMs` bounds every later read.
 */
export function connectUnix(path: string, receiveTimeoutMs: number): number {
  const address = Buffer.alloc(2 + maxSocketPathBytes);
  if (Buffer.byteLength(path) >= maxSocketPathBytes) throw new RangeError(`Socket path too long: ${path}`);
  address.writeUInt16LE(AF_UNIX, 0);
  address.write(path, 2);
  const descriptor = libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) fail('socket');
  try {
    const timeout = Buffer.alloc(16);
    timeout.writeBigInt64LE(BigInt(Math.floor(receiveTimeoutMs / 1000)), 0);
    timeout.writeBigInt64LE(BigInt(Math.floor((receiveTimeoutMs % 1000) * 1000)), 8);
    if (libc().setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length) !== 0) fail('setsockopt');
    if (libc().connect(descriptor, address, address.length) !== 0) fail('connect');
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Writes all of a short message to a blocking descriptor. */
export function writeAll(descriptor: number, data: Uint8Array): void {
  let written = 0;
  while (written < data.length) written += writeSync(descriptor, data, written);
}

function readDescriptors(control: Buffer, controlBytes: number): number[] {
  if (controlBytes < controlHeaderBytes) return [];
  const end = Math.min(Number(control.readBigUInt64LE(0)), controlBytes, control.length);
  if (control.readInt32LE(8) !== SOL_SOCKET || control.readInt32LE(12) !== SCM_RIGHTS) return [];
  const descriptors: number[] = [];
  for (let offset = controlHeaderBytes; offset + 4 <= end; offset += 4) descriptors.push(control.readInt32LE(offset));
  return descriptors;
}

interface MessageHeader {
  readonly msg_name: null;
  readonly msg_namelen: number;
  readonly msg_iov: readonly { readonly iov_base: Uint8Array; readonly iov_len: number }[];
  readonly msg_iovlen: number;
  readonly msg_control: Buffer;
  readonly msg_controllen: number;
  readonly msg_flags: number;
}

function messageHeader(data: Uint8Array, control: Buffer): MessageHeader {
  return {
    msg_name: null,
    msg_namelen: 0,
    msg_iov: [{ iov_base: data, iov_len: data.length }],
    msg_iovlen: 1,
    msg_control: control,
    msg_controllen: control.length,
    msg_flags: 0,
  };
}

interface Libc {
  readonly socket: (family: number, type: number, protocol: number) => number;
  readonly connect: (descriptor: number, address: Buffer, bytes: number) => number;
  readonly getsockopt: (descriptor: number, level: number, option: number, value: Buffer, bytes: number[]) => number;
  readonly setsockopt: (descriptor: number, level: number, option: number, value: Buffer, bytes: number) => number;
  readonly sendmsg: (descriptor: number, message: MessageHeader, flags: number) => number;
  readonly recvmsg: {
    async(descriptor: number, message: MessageHeader, flags: number, done: (error: unknown, received: number) => void): void;
  };
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  // The process itself: its C library is loaded already, whatever its file is called (glibc or musl).
  const library = koffi.load(null);
  const vector = koffi.struct({ iov_base: 'void *', iov_len: 'size_t' });
  const message = koffi.struct({
    msg_name: 'void *',
    msg_namelen: 'uint32_t',
    msg_iov: koffi.pointer(vector),
    msg_iovlen: 'size_t',
    msg_control: 'void *',
    msg_controllen: 'size_t',
    msg_flags: 'int',
  });
  loaded = {
    socket: library.func('int socket(int, int, int)'),
    connect: library.func('int connect(int, const void *, uint32_t)'),
    getsockopt: library.func('int getsockopt(int, int, int, void *, _Inout_ uint32_t *)'),
    setsockopt: library.func('int setsockopt(int, int, int, const void *, uint32_t)'),
    sendmsg: library.func('sendmsg', 'long', ['int', koffi.pointer(message), 'int']),
    recvmsg: library.func('recvmsg', 'long', ['int', koffi.inout(koffi.pointer(message)), 'int']),
  };
  return loaded;
}

function fail(call: string): never {
  throw new SystemCallError(call, koffi.errno());
}
