import { chmod, mkdir, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cidr, parseCidr } from '#base/common/cidr.ts';
import { type Logger, silentLogger } from '#base/common/log.ts';
import type { KubeCredentials } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type ApiFaults, startApi } from './api/start-api.ts';
import { kubeconfigText } from './kubeconfig.ts';
import type { NodeFaults } from './node/faults.ts';
import { type SandboxNode, startNode } from './node/start-node.ts';
import { createImageRegistry, type ImageOptions } from './programs/images.ts';
import { builtInImages, type ProgramPaths } from './programs/product-images.ts';
import { ObjectStore } from './store/store.ts';

export interface SandboxOptions {
  /** A folder of the sandbox's own; its kubeconfig is written there. */
  readonly directory: string;
  /** Where the API server listens: an address of this machine. Default 127.0.0.1. */
  readonly address?: string;
  /** Default: any. */
  readonly port?: number;
  readonly podCidr?: string;
  readonly serviceCidr?: string;
  /** Name of the kubeconfig's context. */
  readonly context?: string;
  readonly programs: ProgramPaths;
  /** Version of the product whose images there are. */
  readonly version: string;
  /** Images beside those that every sandbox has. */
  readonly images?: Readonly<Record<string, ImageOptions>>;
  readonly log?: Logger;
  readonly onStage?: (stage: SandboxStage) => void;
}

export type SandboxStage = 'api' | 'node' | 'ready';

export interface Sandbox {
  /** Path of the file; only its owner may read it. */
  readonly kubeconfig: string;
  readonly server: URL;
  /** Name of the kubeconfig's context. */
  readonly context: string;
  /** Of who may do everything, as in the kubeconfig. */
  readonly admin: KubeCredentials;
  readonly store: ObjectStore;
  /** Makes images known. */
  registerImages(images: Readonly<Record<string, ImageOptions>>): void;
  readonly faults: { readonly api: ApiFaults; readonly node: NodeFaults };
  /** Settled when the node has ended, wanted or not. */
  readonly ended: Promise<void>;
  /** Leaves no process, interface, rule or file. */
  stop(): Promise<void>;
}

// Not the ranges that most clusters have, which this machine may have routes to.
const defaults = {
  address: '127.0.0.1',
  port: 0,
  podCidr: '10.201.0.0/16',
  serviceCidr: '10.202.0.0/16',
  context: 'telepresence-sandbox',
};

/**
 * Starts a stand-in for a cluster: enough of the Kubernetes API, pods as processes. It is not Kubernetes.
 *
 * @throws AppError `sandbox.unsupported` where this machine cannot run one
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const { directory, address, port, podCidr, serviceCidr, context, programs, version, onStage } = { ...defaults, ...options };
  const log = options.log ?? silentLogger;
  const store = new ObjectStore();
  const images = createImageRegistry();
  images.register({ ...builtInImages(programs, version), ...options.images });
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const kubeconfig = join(directory, 'kubeconfig');
  const undo: (() => Promise<void>)[] = [async () => await rm(kubeconfig, { force: true })];
  const stop = async () => {
    for (const action of undo.splice(0).toReversed()) await action();
  };
  try {
    onStage?.('api');
    const started: { node?: SandboxNode } = {};
    const api = await startApi({ store, serviceCidr: cidrOf(serviceCidr), address, port, log }, () => {
      if (started.node === undefined)
        throw new AppError({ code: 'sandbox.unsupported', message: 'The sandbox has not started its node yet' });
      return started.node;
    });
    undo.push(async () => await api.stop());
    onStage?.('node');
    // Empty again once the node has ended.
    undo.push(async () => await rmdir(join(directory, 'node')).catch(() => undefined));
    const node = await startNode({
      store,
      images,
      directory: join(directory, 'node'),
      podCidr,
      serviceCidr,
      authorities: api.authorities,
      now: api.clock.now,
      mintToken: ({ pod, ...request }) => api.authenticator.issueToken({ ...request, boundPod: pod }).token,
      acceptApiConnection: (connection) => api.accept(connection),
      log,
    });
    started.node = node;
    const { faults, ended } = node;
    undo.push(node.stop);
    await writeFile(
      kubeconfig,
      kubeconfigText({ name: context, server: api.server, ca: api.authorities, token: api.adminToken }),
      { mode: 0o600 },
    );
    onStage?.('ready');
    return {
      kubeconfig,
      server: api.server,
      context,
      admin: {
        server: api.server,
        requestOptions: async () => ({ ca: api.authorities, headers: { authorization: `Bearer ${api.adminToken}` } }),
      },
      store,
      registerImages: (added) => images.register(added),
      faults: { api: api.faults, node: faults },
      ended,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function cidrOf(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new AppError({ code: 'config.invalid', message: `${text} is not a subnet` });
  return cidr;
}
