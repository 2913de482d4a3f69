import type { Duplex } from 'node:stream';
import { KubeStatusError } from '#net/kube/kube-client.ts';

export interface PortForwardTarget {
  readonly namespace: string;
  readonly pod: string;
  readonly port: number;
}

export interface OpenOptions {
  readonly signal?: AbortSignal;
  /** For the upgrade. */
  readonly timeoutMs: number;
}

/** The byte stream to a port of a pod. There is no half close on this way: ending either side ends both. */
export interface PortForward extends Duplex {
  /** Bytes that have arrived so far: a way that delivers is alive, however late its answers are. */
  readonly bytesReceived: number;
}

/** Bytes that may wait for the socket before a writer is held up: 5 ms at 1.6 Gbit/s. */
export const maxQueuedBytes = 1024 * 1024;

/** Holds what the peer sends while the reader is busy, and what waits for the socket: one HTTP/2 frame or a few. */
export const highWaterMarkBytes = 512 * 1024;

/** The pod closed the port, or was never listening on it; the text is the kubelet's. */
export class PortForwardError extends Error {
  override readonly name = 'PortForwardError';
}

export function portForwardUrl(server: URL, target: PortForwardTarget): URL {
  const path = `/api/v1/namespaces/${encodeURIComponent(target.namespace)}/pods/${encodeURIComponent(target.pod)}/portforward`;
  return new URL(`${server.pathname.replace(/\/$/, '')}${path}`, server);
}

/** The API server's answer instead of an upgrade. */
export function parseStatus(status: number, text: string): KubeStatusError {
  const fallback = text.trim() === '' ? `HTTP status ${status}` : text.trim().slice(0, 1_000);
  try {
    const { reason, message } = JSON.parse(text) as { reason?: string; message?: string };
    return new KubeStatusError(status, reason ?? 'Unknown', message ?? fallback);
  } catch {
    return new KubeStatusError(status, 'Unknown', fallback);
  }
}
