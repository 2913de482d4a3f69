import { containsIp, parseCidr } from '#base/common/cidr.ts';
import type { IpAddress } from '#base/common/ip.ts';

/**
 * How the agent, which has no privilege, tells the kernel whether connections to a port come to it: by an empty datagram to one of these
 * addresses of the loopback, at the container port as destination. Rules that the init container has left behind act on it, where it comes
 * from the agent's group, and drop it, which the sender sees as EPERM. Connections of IPv6 are switched by it as well.
 */
export const pathControl = {
  /** New connections come to the agent, for {@link heldSeconds}. */
  open: '127.116.112.1',
  /** Connections of before, which are the app's, are reset whatever is under way on them, for {@link heldSeconds}. */
  cut: '127.116.112.2',
  /** The end of both. */
  close: '127.116.112.3',
} as const;

export const pathControlSubnet = '127.116.112.0/24';

/** An agent that has died is out of the path after this long. */
export const heldSeconds = 3;

/** How often a port is switched on again: one datagram may come late. */
export const repeatMs = 1_000;

const subnet = parseCidr(pathControlSubnet);

/** Whether a datagram to the address could switch a port, if it came from the agent. */
export function isPathControl(ip: IpAddress): boolean {
  return subnet !== undefined && containsIp(subnet, ip);
}
