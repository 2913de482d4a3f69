import { type Cidr, containsIp, parseCidr } from '#base/common/cidr.ts';
import type { IpAddress } from '#base/common/ip.ts';

/** The pod itself, no address at all, groups and broadcast. */
const refused: readonly Cidr[] = ['127.0.0.0/8', '0.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/127', 'ff00::/8'].flatMap(
  (text) => {
    const cidr = parseCidr(text);
    return cidr === undefined ? [] : [cidr];
  },
);

/** Whether a laptop may be connected to the address: all but what would reach into the traffic-manager's own pod, or no single host. */
export function isDialable(ip: IpAddress): boolean {
  return !refused.some((cidr) => containsIp(cidr, ip));
}
