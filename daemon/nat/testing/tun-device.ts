import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import koffi from 'koffi';

/** Addresses of the test interface; the routed subnets lead nowhere but into the device. */
export const testNetwork = {
  interfaceName: 'tel0',
  ipv4: { interfaceAddress: '198.18.0.1', peers: ['198.18.0.2'] },
  ipv6: { interfaceAddress: 'fd5e:1::1', peers: ['fd5e:1::2'] },
  routes: ['10.96.0.0/16', 'fd96::/64'],
} as const;

const tunSetInterface = 0x4004_54ca;
const flagTun = 0x0001;
const flagNoPacketInformation = 0x1000;

/** Makes a TUN device in the network namespace of this process, which must be a throw-away one, and returns its descriptor. */
export function openTestTun(): number {
  const libc = koffi.load(null);
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *argument)') as (
    fd: number,
    request: number,
    argument: Uint8Array,
  ) => number;
  const fd = fs.openSync('/dev/net/tun', fs.constants.O_RDWR | fs.constants.O_NONBLOCK);
  const request = Buffer.alloc(40);
  request.write(testNetwork.interfaceName);
  request.writeUInt16LE(flagTun | flagNoPacketInformation, 16);
  if (ioctl(fd, tunSetInterface, request) < 0) throw new Error(`TUNSETIFF: errno ${koffi.errno()}`);
  const device = testNetwork.interfaceName;
  ip('link', 'set', 'lo', 'up');
  ip('link', 'set', device, 'mtu', '65535', 'txqueuelen', '5000', 'up');
  ip('address', 'add', `${testNetwork.ipv4.interfaceAddress}/30`, 'dev', device);
  ip('-6', 'address', 'add', `${testNetwork.ipv6.interfaceAddress}/126`, 'dev', device, 'nodad');
  for (const route of testNetwork.routes) ip('route', 'add', route, 'dev', device);
  return fd;
}

/** Removes the device, as a helper that undoes its work does. */
export function deleteTestTun(): void {
  ip('link', 'delete', testNetwork.interfaceName);
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}
