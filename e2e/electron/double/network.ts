import { type ClientRequest, type RequestOptions, request } from 'node:http';
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';

/** Puts the laptop into another network, as far as Node tells of it: one more interface with an address of its own. */
export function changeNetwork(): void {
  const real = os.networkInterfaces();
  const added: os.NetworkInterfaceInfo = {
    address: '192.0.2.7',
    netmask: '255.255.255.0',
    family: 'IPv4',
    mac: '02:00:00:00:00:07',
    internal: false,
    cidr: '192.0.2.7/24',
  };
  os.networkInterfaces = () => ({ ...real, wlan7: [added] });
  syncBuiltinESMExports();
}

/** Electron's own requests, which the updater makes: Node's are alike as far as that uses them. */
export const net = {
  request: ({ session: _session, ...options }: RequestOptions & { readonly session?: unknown }): ClientRequest =>
    request(options),
};
