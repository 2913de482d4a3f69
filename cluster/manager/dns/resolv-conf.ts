import { parseIp } from '#base/common/ip.ts';
import { normalizeName } from '#net/dns/names.ts';

/** What a pod's /etc/resolv.conf says. */
export interface ResolvConf {
  readonly nameservers: readonly string[];
  /** Without dots at their ends. */
  readonly search: readonly string[];
}

/** Reads resolv.conf(5); of several `search` lines the last counts. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/);
    const [first = ''] = values;
    if (keyword === 'nameserver' && parseIp(first) !== undefined) nameservers.push(first);
    else if (keyword === 'search' || keyword === 'domain') search = values.map(normalizeName);
  }
  return { nameservers, search };
}

/** The kubelet puts `<namespace>.svc.<domain>`, `svc.<domain>` and `<domain>` first in every pod's search path. */
export function clusterDomainOf(conf: ResolvConf): string {
  const services = conf.search.find((entry) => entry.startsWith('svc.'));
  return services === undefined ? 'cluster.local' : services.slice('svc.'.length);
}
