import type { Duplex } from 'node:stream';
import type { Logger } from '#base/common/log.ts';
import type { ClusterNetwork, PodNetwork } from '../network/cluster-network.ts';
import type { ImageStore } from '../programs/image-store.ts';
import type { ObjectStore } from '../store/store.ts';
import type { RecordEvent } from './events.ts';
import type { FaultState } from './faults.ts';
import type { Machine } from './machine.ts';
import type { Pod } from './pod-types.ts';
import type { MintToken } from './volumes.ts';

/** What all pods of the node share. */
export interface NodeContext {
  readonly store: ObjectStore;
  readonly machine: Machine;
  readonly network: ClusterNetwork;
  readonly images: ImageStore;
  readonly faults: FaultState;
  readonly mintToken: MintToken;
  /** Milliseconds since 1970, by the cluster's clock. */
  readonly now: () => number;
  readonly recordEvent: RecordEvent;
  readonly log: Logger;
  readonly directory: string;
  /** How long a container that keeps failing waits at first; twice as long each time after. */
  readonly firstBackOffMs: number;
  readonly clusterDomain: string;
  readonly dnsIp: string;
}

/** What the containers of one pod share. */
export interface PodHost {
  readonly node: NodeContext;
  /** Of the pod's own, for volumes and the files that every container sees. */
  readonly directory: string;
  readonly network: PodNetwork;
  /** As it is now, with its status. */
  pod(): Pod;
  /** Something of the pod's state has changed. */
  publish(): void;
  /** From the node, as probes come. */
  dial(host: string, port: number, timeoutMs: number): Promise<Duplex>;
  /** A fault that a test asked for. */
  isNeverReady(): boolean;
  /** Aborted when the pod is to end. */
  readonly ending: AbortSignal;
}
