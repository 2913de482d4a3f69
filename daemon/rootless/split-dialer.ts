import type { IpAddress } from '#base/common/ip.ts';
import type { FlowDialer } from '../data-path/flow-dialer.ts';
import { ordinaryNetwork } from './ordinary-network.ts';

/** Sends what belongs to the cluster there, and everything else the way that the laptop has. */
export function splitDialer(cluster: FlowDialer, isOfCluster: (ip: IpAddress) => boolean): FlowDialer {
  return {
    dial: (id, signal, options) => (isOfCluster(id.destination.ip) ? cluster : ordinaryNetwork).dial(id, signal, options),
  };
}
