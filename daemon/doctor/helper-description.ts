import { dirname } from 'node:path';
import { productVersion } from '#base/common/version.ts';
import { type HelperLaunch, helperCommand, isHelperListening } from '#base/node/helper-launch.ts';
import type { HelperDescription } from '#protocol/local-api/diagnose-api.ts';
import { HelperClient } from '../helper-client/helper-client.ts';

const connectTimeoutMs = 3_000;

/** What the helper is and does, for a person who is about to give it root's rights. */
export async function describeHelper(launch: HelperLaunch, socketPath: string): Promise<HelperDescription> {
  const { file, args } = helperCommand(launch);
  const helper = await greet(socketPath);
  const directory = dirname(socketPath);
  return {
    state: helper ?? ((await isHelperListening(socketPath)) ? 'running' : 'not-running'),
    command: [file, ...args],
    paths: [
      { path: launch.nodePath, purpose: 'Runs it' },
      { path: launch.helperScript, purpose: 'The program itself' },
      { path: directory, purpose: 'Made: its socket, its log, and its journal of what has to be undone' },
      { path: '/dev/net/tun', purpose: 'Opened: makes the virtual interface' },
      {
        path: '/etc/resolv.conf',
        purpose: 'Read; replaced while connected only where there is neither systemd-resolved nor nftables',
      },
      { path: '/proc/net', purpose: 'Read: routes and listening sockets' },
    ],
    changes: [
      'Makes a virtual interface (tel0, tel1, …) with an address from 198.18.0.0/15, and removes it',
      "Adds routes to the cluster's subnets through that interface; never a default route, never one that is there already",
      'Sends look-ups of names to the interface: by systemd-resolved, else by nftables rules, else by /etc/resolv.conf',
      helper === 'service'
        ? 'Undoes all of it when the daemon ends, however it ends, and waits for the next'
        : 'Undoes all of it when the daemon ends, however it ends, and ends itself 10 s after',
    ],
    ...(helper === undefined ? {} : { version: productVersion }),
  };
}

/** One that speaks this version: another would have refused. A service of the system is there before anybody asks for it. */
async function greet(socketPath: string): Promise<'running' | 'service' | undefined> {
  try {
    const helper = await HelperClient.connect(socketPath, { signal: AbortSignal.timeout(connectTimeoutMs) });
    const { isService } = helper;
    await helper.close();
    return isService ? 'service' : 'running';
  } catch {
    return undefined;
  }
}
