import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { parseCidr } from '#base/common/cidr.ts';
import { formatIp } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { startControllers } from '../controllers/start-controllers.ts';
import { createClusterNetwork } from '../network/cluster-network.ts';
import { dial } from '../network/dial.ts';
import { startNameServer } from '../network/name-server.ts';
import { startServiceProxy } from '../network/service-proxy.ts';
import { createImageStore } from '../programs/image-store.ts';
import type { ImageRegistry } from '../programs/images.ts';
import { fieldAt, listAt, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';
import { createBuiltInObjects } from './built-in-objects.ts';
import { eventRecorder } from './events.ts';
import { createFaults, type NodeFaults } from './faults.ts';
import { clearDirectory, startMachine } from './machine.ts';
import type { DialService, NodeApi } from './node-api.ts';
import { startNodeSync } from './node-sync.ts';
import { createNodeApi } from './pod-access.ts';
import { createPortForwards } from './port-forwards.ts';
import type { MintToken } from './volumes.ts';

export interface NodeOptions {
  readonly store: ObjectStore;
  readonly images: ImageRegistry;
  /** A folder of the node's own: what is in it is removed, at the start and at the end. */
  readonly directory: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** How long containers that keep failing, and images that cannot be had, wait at first. Default: as the kubelet, 10 s. */
  readonly firstBackOffMs?: number;
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
  /** PEM, for `kube-root-ca.crt`. */
  readonly authorities: string;
  /** The time by which tokens are of age. */
  readonly now: () => number;
  readonly mintToken: MintToken;
  /** A connection to the API server that comes from a pod, still without TLS. */
  readonly acceptApiConnection: (connection: Duplex) => void;
  readonly log: Logger;
}

export interface SandboxNode {
  readonly nodeApi: NodeApi;
  readonly dialService: DialService;
  readonly faults: NodeFaults;
  /** Settled when the node's namespaces have ended, wanted or not: nothing runs any more then. */
  readonly ended: Promise<void>;
  /** Ends all pods, and leaves nothing behind. */
  stop(): Promise<void>;
}

/** Name of the one node. */
export const nodeName = 'sandbox';

const apiPort = 6443;
const apiServiceOffset = 1n;
const dnsServiceOffset = 10n;

/**
 * Starts controllers and the node that runs pods.
 *
 * @throws AppError `sandbox.unsupported` where this machine cannot
 */
export async function startNode(options: NodeOptions): Promise<SandboxNode> {
  const { store, directory, serviceCidr, log, clusterDomain = 'cluster.local', firstBackOffMs = 10_000 } = options;
  const undo: (() => Promise<void> | void)[] = [];
  const stop = async () => {
    for (const action of undo.splice(0).toReversed()) await action();
  };
  try {
    await clearDirectory(directory);
    undo.push(async () => await rm(directory, { recursive: true, force: true }));
    const machine = await startMachine(directory);
    undo.push(async () => await machine.stop());
    const network = await createClusterNetwork(machine, options.podCidr, serviceCidr);
    const images = await createImageStore(machine, options.images);
    const apiIp = serviceIp(serviceCidr, apiServiceOffset);
    const dnsIp = serviceIp(serviceCidr, dnsServiceOffset);
    createBuiltInObjects(store, { apiIp, dnsIp, nodeIp: network.nodeIp, apiPort, nodeName, podCidr: options.podCidr });
    const proxy = startServiceProxy(store, machine, serviceCidr, log);
    undo.push(() => proxy.stop());
    const nameServer = await startNameServer({ store, machine, domain: clusterDomain, address: network.nodeIp, log });
    undo.push(() => nameServer.stop());
    const connections = new Set<net.Socket>();
    const apiListener = net.createServer({ noDelay: true }, (connection) => {
      connections.add(connection);
      connection.once('close', () => connections.delete(connection));
      options.acceptApiConnection(connection);
    });
    // At every address that the node has or gets.
    apiListener.listen({ fd: await machine.openSocket({ kind: 'tcp', bind: { address: '0.0.0.0', port: apiPort } }) });
    await once(apiListener, 'listening');
    undo.push(() => {
      apiListener.close();
      for (const connection of connections) connection.destroy();
    });
    undo.push(startControllers(store, log, options.authorities));
    const faults = createFaults();
    const portForwards = createPortForwards(faults);
    const recordEvent = eventRecorder(store, 'kubelet', nodeName);
    const { mintToken, now } = options;
    const shared = { store, machine, network, images, faults, mintToken, now, recordEvent, log };
    const context = { ...shared, directory, firstBackOffMs, clusterDomain, dnsIp };
    await proxy.settled();
    const sync = startNodeSync(context, nodeName);
    undo.push(async () => await sync.stop());
    return {
      nodeApi: createNodeApi(context, sync.find, portForwards, sync.measured),
      dialService: async (namespace, service, port) => {
        // Endpoints that the store knows count, as they would a moment later.
        await proxy.settled();
        return await dialService(options, namespace, service, port, async (target) => await dial(machine, target));
      },
      faults: {
        slowImagePull: faults.slowImagePull,
        failImagePull: faults.failImagePull,
        neverReady: faults.neverReady,
        portForward: faults.portForward,
        heal: faults.heal,
        cutPortForwards: portForwards.cut,
        restartNode: sync.killAll,
      },
      ended: machine.ended,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Straight to the Service's address, or to a pod of a headless one. */
async function dialService(
  { store }: NodeOptions,
  namespace: string,
  name: string,
  port: number,
  connect: (target: { readonly host: string; readonly port: number }) => Promise<Duplex>,
): Promise<Duplex> {
  const service = store.get(resources.services, namespace, name);
  if (service === undefined) throw new AppError({ code: 'not-found', message: `service "${name}" not found` });
  const clusterIp = textAt(service, 'spec', 'clusterIP');
  if (clusterIp !== '' && clusterIp !== 'None') return await connect({ host: clusterIp, port });
  const subset = listAt(store.get(resources.endpoints, namespace, name), 'subsets')[0];
  const ip = textAt(subset, 'addresses', 0, 'ip');
  const target = Number(fieldAt(subset, 'ports', 0, 'port') ?? port);
  if (ip === '') throw new AppError({ code: 'not-found', message: `no endpoints available for service "${name}"` });
  return await connect({ host: ip, port: target });
}

function serviceIp(cidr: string, offset: bigint): string {
  const subnet = parseCidr(cidr);
  if (subnet === undefined) throw new AppError({ code: 'config.invalid', message: `${cidr} is not a subnet` });
  return formatIp({ family: subnet.family, value: subnet.value + offset });
}
