import { closeSync, constants, openSync } from 'node:fs';
import koffi from 'koffi';
import type { IpAddress } from '#base/common/ip.ts';
import { bindInternetSocket, listenOnSocket, openInternetSocket } from '#base/node/internet-sockets.ts';
import { SystemCallError } from '#base/node/linux-sockets.ts';

/** The system calls that only root code needs: TUN devices, sockets on port 53, interface numbers, file locks. */

// linux/if_tun.h
const TUNSETIFF = 0x4004_54ca;
const IFF_TUN = 0x0001;
const IFF_NO_PI = 0x1000;
/** Fails with EBUSY where the name exists, instead of joining a persistent device of somebody else. */
const IFF_TUN_EXCL = 0x8000;
/** `struct ifreq` of a 64-bit system: name (16), then a union whose first member here is `short flags`. */
const interfaceRequestBytes = 40;
const interfaceNameBytes = 16;

// sys/file.h
const LOCK_EX = 2;
const LOCK_NB = 4;

const listenBacklog = 128;

/**
 * Makes a TUN device with that name, which lives until the last copy of its descriptor is closed. Non-blocking, close-on-exec,
 * packets without a header in front.
 *
 * @returns `undefined` where the name is taken.
 * @throws the error of `open` where there is no /dev/net/tun; SystemCallError.
 */
export function openTun(name: string): number | undefined {
  const descriptor = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK);
  const request = Buffer.alloc(interfaceRequestBytes);
  request.write(name, 0, interfaceNameBytes - 1, 'latin1');
  request.writeUInt16LE(IFF_TUN | IFF_NO_PI | IFF_TUN_EXCL, interfaceNameBytes);
  if (libc().ioctl(descriptor, TUNSETIFF, request) === 0) return descriptor;
  const error = new SystemCallError('ioctl(TUNSETIFF)', koffi.errno());
  closeSync(descriptor);
  if (error.code === 'EBUSY') return undefined;
  throw error;
}

/** The interface's number in this network namespace, which the kernel does not give out twice; `undefined` where there is none. */
export function interfaceIndex(name: string): number | undefined {
  const index = libc().if_nametoindex(name);
  return index === 0 ? undefined : index;
}

/** A non-blocking UDP socket, or listening TCP socket, on the address. */
export function bindSocket(kind: 'udp' | 'tcp', address: IpAddress, port: number): number {
  const descriptor = openInternetSocket({ kind, family: address.family, isNonBlocking: true });
  try {
    // With SO_REUSEADDR, which for UDP lets us sit beside a resolver that holds the wildcard address and allows it too, as dnsmasq
    // does; for TCP it ignores connections of an earlier interface that linger in TIME_WAIT.
    bindInternetSocket(descriptor, address, port);
    if (kind === 'tcp') listenOnSocket(descriptor, listenBacklog);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** Takes the exclusive lock of an open file (flock(2)), which the kernel gives back when the process ends in any way. */
export function tryLock(descriptor: number): boolean {
  return libc().flock(descriptor, LOCK_EX | LOCK_NB) === 0;
}

interface Libc {
  readonly ioctl: (descriptor: number, request: number, argument: Buffer) => number;
  readonly if_nametoindex: (name: string) => number;
  readonly flock: (descriptor: number, operation: number) => number;
}

let loaded: Libc | undefined;

function libc(): Libc {
  if (loaded !== undefined) return loaded;
  const library = koffi.load(null);
  loaded = {
    ioctl: library.func('int ioctl(int, unsigned long, void *)'),
    if_nametoindex: library.func('unsigned int if_nametoindex(const char *)'),
    flock: library.func('int flock(int, int)'),
  };
  return loaded;
}
