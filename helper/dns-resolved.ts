import { readFileSync } from 'node:fs';
import { type DnsHookRequest, type FormerDns, HookUnsuitable } from './dns-hook-request.ts';
import type { Laptop } from './laptop.ts';
import { interfaceIndex } from './linux-devices.ts';
import { parseResolvConf } from './resolv-conf.ts';

/** The stub resolver's addresses (systemd-resolved(8)). */
const stubAddresses = new Set(['127.0.0.53', '127.0.0.54']);

/** 127.0.0.53:53 as /proc/net/udp writes it on a little-endian machine. */
const stubSocket = '3500007F:0035';

/**
 * Per-link DNS of systemd-resolved: it asks us for the given domains only, and forgets it all when the link goes.
 *
 * Used where programs that read resolv.conf end up at the stub as well, and where the stub listens in this very network
 * namespace: the service takes interface numbers, which mean something else in another namespace.
 */
export async function hookResolved(laptop: Laptop, request: DnsHookRequest): Promise<FormerDns> {
  const { nameservers, search } = parseResolvConf(readText(laptop.files.resolvConf));
  if (!nameservers.every((server) => stubAddresses.has(server))) {
    throw new HookUnsuitable('resolv.conf does not lead to systemd-resolved');
  }
  if (!readText(laptop.files.udpSockets).includes(stubSocket)) throw new HookUnsuitable('systemd-resolved is not running');

  const link = request.interface;
  const upstream = parseResolvConf(readText(laptop.files.resolvedUpstream)).nameservers;
  laptop.journal.record({ kind: 'resolved', interface: link });
  const isDefaultRoute = request.domains.includes('~.');
  await laptop.commands.run('resolvectl', ['dns', link, request.address]);
  await laptop.commands.run('resolvectl', ['domain', link, ...(request.domains.length === 0 ? [''] : request.domains)]);
  await laptop.commands.run('resolvectl', ['default-route', link, isDefaultRoute ? 'yes' : 'no']);
  // Machine-wide settings of these would make the link's server fail: it speaks plain DNS and has no signatures.
  for (const feature of ['dnsovertls', 'dnssec', 'llmnr', 'mdns']) await tryRun(laptop, [feature, link, 'no']);
  await tryRun(laptop, ['flush-caches']);
  return { formerServers: upstream.filter((server) => server !== request.address), search };
}

/** Nothing is to do where the link is gone: the service has forgotten it by itself. */
export async function undoResolved(laptop: Laptop, interfaceName: string): Promise<void> {
  if (interfaceIndex(interfaceName) !== undefined) {
    try {
      await laptop.commands.run('resolvectl', ['revert', interfaceName]);
    } catch (error) {
      if (interfaceIndex(interfaceName) !== undefined) throw error;
    }
  }
  // Cluster names that it has cached would outlive the connection.
  await tryRun(laptop, ['flush-caches']);
}

async function tryRun(laptop: Laptop, args: readonly string[]): Promise<void> {
  try {
    await laptop.commands.run('resolvectl', args);
  } catch (error) {
    laptop.log.debug('resolvectl', { args, reason: error instanceof Error ? error.message : String(error) });
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
