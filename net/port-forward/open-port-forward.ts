import { type KubeCredentials, KubeStatusError } from '#net/kube/kube-client.ts';
import type { PortForward, PortForwardTarget } from './port-forward-target.ts';
import { openSpdyForward } from './spdy-forward.ts';
import { openWebSocketForward } from './web-socket-forward.ts';

const defaultTimeoutMs = 10_000;

/** API servers that SPDY does not reach, by origin: asked by WebSocket at once the next time. */
const withoutSpdy = new Set<string>();

/**
 * One connection to a port of a pod, by the API server's `pods/portforward`, as a byte stream with back-pressure both ways: by SPDY where
 * that gets through, else by WebSocket. Where neither does, the error is SPDY's, which every role and every server knows.
 *
 * @throws KubeStatusError where the API server refuses (403, 404), PortForwardError or Node's own errors where the way there breaks.
 */
export async function openPortForward(
  credentials: KubeCredentials,
  target: PortForwardTarget,
  { signal, timeoutMs = defaultTimeoutMs }: { readonly signal?: AbortSignal; readonly timeoutMs?: number } = {},
): Promise<PortForward> {
  const options = { timeoutMs, ...(signal === undefined ? {} : { signal }) };
  const { origin } = credentials.server;
  if (withoutSpdy.has(origin)) return await openWebSocketForward(credentials, target, options);
  try {
    return await openSpdyForward(credentials, target, options);
  } catch (error) {
    if (!mayBeProxied(error)) throw error;
    const forward = await openWebSocketForward(credentials, target, options).catch(() => undefined);
    if (forward === undefined) throw error;
    withoutSpdy.add(origin);
    return forward;
  }
}

/** An answer other than an upgrade may be a proxy's, or that of a role that allows only the other verb; 404 and 401 are final. */
function mayBeProxied(error: unknown): boolean {
  return error instanceof KubeStatusError && error.status !== 404 && error.status !== 401;
}
