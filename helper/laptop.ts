import type { Logger } from '#base/common/log.ts';
import type { Journal } from './journal.ts';
import { type CommandRunner, systemCommands } from './run-command.ts';

/** Everything of the laptop that the helper reads or changes, beside its own devices and sockets. */
export interface Laptop {
  readonly instance: string;
  /** Network and mount namespaces of its own: nothing here is anybody else's. */
  readonly isIsolated: boolean;
  readonly commands: CommandRunner;
  readonly journal: Journal;
  readonly files: LaptopFiles;
  readonly log: Logger;
}

export interface LaptopFiles {
  readonly resolvConf: string;
  /** The servers that systemd-resolved itself asks, in the form of resolv.conf. */
  readonly resolvedUpstream: string;
  /** The kernel's table of UDP sockets in this network namespace. */
  readonly udpSockets: string;
  /** What new interfaces get; not there where the kernel has no IPv6. */
  readonly ipv6Disabled: string;
}

export const systemFiles: LaptopFiles = {
  resolvConf: '/etc/resolv.conf',
  resolvedUpstream: '/run/systemd/resolve/resolv.conf',
  udpSockets: '/proc/self/net/udp',
  ipv6Disabled: '/proc/sys/net/ipv6/conf/default/disable_ipv6',
};

export function systemLaptop(instance: string, journal: Journal, log: Logger, isIsolated: boolean): Laptop {
  return { instance, isIsolated, commands: systemCommands, journal, files: systemFiles, log };
}
