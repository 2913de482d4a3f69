import koffi, { type KoffiFunc } from 'koffi';
import { ipToBytes, parseIp } from '#base/common/ip.ts';
import { internetChecksum } from '#net/packet/checksum.ts';
import { writeUint16 } from '#net/packet/ip-packet.ts';

const libc = koffi.load(null);
const openSocket: KoffiFunc<(domain: number, type: number, protocol: number) => number> = libc.func(
  'int socket(int domain, int type, int protocol)',
);
const connectSocket: KoffiFunc<(fd: number, address: Uint8Array, length: number) => number> = libc.func(
  'int connect(int fd, const void *address, unsigned int length)',
);
const send: KoffiFunc<(fd: number, bytes: Uint8Array, length: number, flags: number) => number> = libc.func(
  'long send(int fd, const void *bytes, size_t length, int flags)',
);
const recv: KoffiFunc<(fd: number, bytes: Uint8Array, length: number, flags: number) => number> = libc.func(
  'long recv(int fd, void *bytes, size_t length, int flags)',
);
const setOption: KoffiFunc<(fd: number, level: number, name: number, value: Uint8Array, length: number) => number> = libc.func(
  'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
);
const close: KoffiFunc<(fd: number) => number> = libc.func('int close(int fd)');

const inet = 2;
const rawSocket = 3;
const icmp = 1;
const socketLevel = 1;
const receiveTimeout = 20;

/** Sends one ping to an IPv4 address through the kernel; answers whether an echo reply with right data came within half a second. */
export async function isPingAnswered(host: string): Promise<boolean> {
  const ip = parseIp(host);
  if (ip === undefined) throw new Error(`Not an address: ${host}`);
  const fd = openSocket(inet, rawSocket, icmp);
  const address = Buffer.alloc(16);
  address.writeUInt16LE(inet);
  address.set(ipToBytes(ip), 4);
  const timeout = Buffer.alloc(16);
  timeout.writeBigInt64LE(500_000n, 8);
  setOption(fd, socketLevel, receiveTimeout, timeout, timeout.length);
  if (connectSocket(fd, address, address.length) !== 0) throw new Error(`connect: errno ${koffi.errno()}`);
  const request = Buffer.from('\x08\0\0\0\x12\x34\0\x01ping data', 'latin1');
  writeUint16(request, 2, internetChecksum(request, 0, request.length));
  send(fd, request, request.length, 0);
  const answer = Buffer.alloc(1_500);
  const length = await new Promise<number>((resolve) => {
    recv.async(fd, answer, answer.length, 0, (_error, result) => resolve(result));
  });
  close(fd);
  // A raw socket delivers the IP header too.
  return length === 20 + request.length && answer[20] === 0 && answer.subarray(24, length).equals(request.subarray(4));
}
