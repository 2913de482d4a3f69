import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { networkFingerprint } from './network-watch.ts';

test('knows another network, and takes no notice of interfaces that software made', () => {
  const home = networkFingerprint({ eth0: [address('192.168.1.7/24')] });
  expect(networkFingerprint({ eth0: [address('10.0.0.7/8')] })).not.toBe(home);
  expect(
    networkFingerprint({ eth0: [address('192.168.1.7/24')], tel0: [address('198.18.0.1/29')], veth1: [address('10.1.0.1/16')] }),
  ).toBe(home);
});

function address(cidr: string): NetworkInterfaceInfo {
  const [ip = ''] = cidr.split('/');
  return { address: ip, netmask: '', family: 'IPv4', mac: '', internal: false, cidr };
}
