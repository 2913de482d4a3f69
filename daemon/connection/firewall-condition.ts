import { existsSync, readFileSync } from 'node:fs';
import type { Remedy } from '#protocol/errors/app-error.ts';
import type { ConditionText } from './health-conditions.ts';

export const interfaceBlocked = 'interface.blocked';

/** Where firewalls say whether they are in use, as far as an ordinary user may read it. */
export interface FirewallFiles {
  /** ufw writes `ENABLED=yes` there. */
  readonly ufwConfiguration: string;
  /** There while firewalld runs. */
  readonly firewalldPid: string;
}

const systemFiles: FirewallFiles = { ufwConfiguration: '/etc/ufw/ufw.conf', firewalldPid: '/run/firewalld.pid' };

/** Connections through the interface do not arrive, and only something between the kernel and the daemon can be why. */
export function firewallCondition(interfaceName: string, reason: string, files = systemFiles): ConditionText {
  return {
    code: interfaceBlocked,
    severity: 'error',
    title: `A firewall of this laptop stops TCP connections through ${interfaceName}`,
    message:
      `Names resolve, but no TCP connection into the cluster works: ${reason}. ` +
      `To a firewall they look like connections that come in on ${interfaceName}; it has to accept those`,
    remedies: firewallRemedies(interfaceName, files),
  };
}

function firewallRemedies(interfaceName: string, files: FirewallFiles): Remedy[] {
  const ufw = { label: 'Have ufw accept them', command: `sudo ufw allow in on ${interfaceName}` };
  const firewalld = {
    label: 'Have firewalld accept them',
    command: `sudo firewall-cmd --permanent --zone=trusted --add-interface=${interfaceName} && sudo firewall-cmd --reload`,
  };
  const other = { label: `Put "iifname ${interfaceName} accept" in front of the input rules of your nftables` };
  const isUfw = isUfwEnabled(files.ufwConfiguration);
  const isFirewalld = existsSync(files.firewalldPid);
  if (!isUfw && !isFirewalld) return [ufw, firewalld, other];
  return [...(isUfw ? [ufw] : []), ...(isFirewalld ? [firewalld] : [])];
}

function isUfwEnabled(path: string): boolean {
  try {
    return /^\s*ENABLED\s*=\s*"?yes"?\s*$/im.test(readFileSync(path, 'utf8'));
  } catch {
    return false;
  }
}
