import type { Duplex, Readable, Writable } from 'node:stream';

/** A pod by its name. The API server has looked it up already; it may be gone by the time of the call. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

export interface ExecOptions {
  /** Without it the program's input ends at once. */
  readonly hasStdin: boolean;
  /** One stream for output and errors, as of a terminal. */
  readonly isTty: boolean;
}

/** How a program in a container ended: by itself, or because it could not be started. */
export type ExecResult =
  | { readonly kind: 'exited'; readonly exitCode: number }
  | { readonly kind: 'not-started'; readonly message: string };

export interface ExecSession {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Nothing comes here with a terminal. */
  readonly stderr: Readable;
  /** Resolves once the program is gone and its output has been handed over. */
  readonly result: Promise<ExecResult>;
  /** Does nothing without a terminal. */
  resize(columns: number, rows: number): void;
  /** Ends the program where it still runs. */
  destroy(): void;
}

export interface LogOptions {
  /** The stream stays open until the container is gone for good. */
  readonly isFollowed: boolean;
  /** Only so many lines of what is there already. */
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Only what was written at or after this time. */
  readonly since?: Date;
  /** Of the container that ran before the last restart. */
  readonly isPrevious: boolean;
  /** Each line begins with its time (RFC 3339, nanoseconds) and a space. */
  readonly hasTimestamps: boolean;
}

/** The node cannot do what it was asked: it does not know the pod, or the pod does not run. */
export class NodeError extends Error {
  /** `missing`: no such pod or container. `not-running`: it is there and cannot be asked now. `failed`: anything else. */
  readonly reason: 'missing' | 'not-running' | 'failed';

  constructor(reason: NodeError['reason'], message: string) {
    super(message);
    this.name = 'NodeError';
    this.reason = reason;
  }
}

/** What the API server asks of the node, as it asks a kubelet. Every call rejects with a `NodeError` where it cannot be done. */
export interface NodeApi {
  exec(pod: PodName, container: string, argv: readonly string[], options: ExecOptions): Promise<ExecSession>;
  /** What the container's own program writes from now on, and reads. */
  attach(pod: PodName, container: string, options: ExecOptions): Promise<ExecSession>;
  logs(pod: PodName, container: string, options: LogOptions): Promise<Readable>;
  /** A TCP connection to a port on the pod's loopback address; rejects where nothing listens. */
  portForward(pod: PodName, port: number): Promise<Duplex>;
  /** What pods that run use at the moment. */
  usage(): readonly PodUsage[];
}

export interface PodUsage {
  readonly pod: PodName & { readonly uid: string };
  readonly memoryBytes: number;
  /** Of the processes that are there, since they began. */
  readonly cpuSeconds: number;
}

/** A TCP connection from the cluster's own network to a Service, for webhooks. Rejects where nobody answers. */
export type DialService = (namespace: string, service: string, port: number) => Promise<Duplex>;
