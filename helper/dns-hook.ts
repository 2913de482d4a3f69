import { assertNever } from '#base/common/assert-never.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type DnsHookMode, dnsHookModes, type HelperOutput } from '#protocol/helper/helper-api.ts';
import type { DnsHookRequest, FormerDns } from './dns-hook-request.ts';
import { hookNftables } from './dns-nftables.ts';
import { hookResolvConf } from './dns-resolv-conf.ts';
import { hookResolved } from './dns-resolved.ts';
import type { Laptop } from './laptop.ts';
import { undoEntry } from './undo.ts';

/**
 * Sets the hook with the first mode that works. The mode in use is changed in place; one of another mode goes when the new one
 * is set, so that there is no gap.
 *
 * @throws AppError `dns.hook-failed` with every mode's reason; the laptop's own DNS is then as it was.
 */
export async function setDnsHook(
  laptop: Laptop,
  request: DnsHookRequest,
  modes: readonly DnsHookMode[],
): Promise<HelperOutput<'setDns'>> {
  const reasons: string[] = [];
  for (const mode of modes) {
    try {
      const former = await hook(laptop, request, mode);
      await clearDnsHook(laptop, request.interface, (kind) => kind !== mode);
      laptop.log.info('DNS hook set', { interface: request.interface, mode });
      return { mode, formerServers: [...former.formerServers], search: [...former.search] };
    } catch (error) {
      await clearDnsHook(laptop, request.interface, (kind) => kind === mode);
      const reason = error instanceof Error ? error.message : String(error);
      laptop.log.info('DNS hook mode not used', { mode, reason });
      reasons.push(`${mode}: ${reason}`);
    }
  }
  throw new AppError({
    code: 'dns.hook-failed',
    message: 'No way was found to make the laptop resolve cluster names',
    reason: reasons.length === 0 ? 'no mode was asked for' : reasons.join('; '),
    remedies: [{ label: 'Install nftables or systemd-resolved, then connect again', command: 'telepresence connect' }],
  });
}

/** Takes away the interface's hooks of the chosen modes. @throws where one could not be undone. */
export async function clearDnsHook(
  laptop: Laptop,
  interfaceName: string,
  isChosen: (mode: DnsHookMode) => boolean = () => true,
): Promise<void> {
  for (const mode of dnsHookModes.filter(isChosen)) {
    const entry = laptop.journal.find(mode, interfaceName);
    if (entry === undefined) continue;
    await undoEntry(laptop, entry);
    laptop.journal.remove(entry);
  }
}

function hook(laptop: Laptop, request: DnsHookRequest, mode: DnsHookMode): Promise<FormerDns> {
  switch (mode) {
    case 'resolved':
      return hookResolved(laptop, request);
    case 'nftables':
      return hookNftables(laptop, request);
    case 'resolv-conf':
      return hookResolvConf(laptop, request);
    default:
      return assertNever(mode);
  }
}
