import { untilAborted } from '#base/node/until-aborted.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { openPortForward } from '#net/port-forward/open-port-forward.ts';
import { PortForwardError, type PortForwardTarget } from '#net/port-forward/port-forward-target.ts';
import { WireSession } from './wire-session.ts';

/** Opens a port-forward to the pod, and HTTP/2 on it. */
export async function openWireSession(
  credentials: KubeClient['credentials'],
  target: PortForwardTarget,
  signal: AbortSignal,
): Promise<WireSession> {
  const opening = openPortForward(credentials, target, { signal });
  try {
    return await WireSession.open(await untilAborted(opening, signal));
  } catch (error) {
    // One that comes after all, since its credentials took long, has nobody to end it.
    opening.then(
      (late) => late.destroy(),
      () => undefined,
    );
    // Of the WebSocket library, which gives no code: the handshake took too long, or was no handshake.
    const isBare = error instanceof Error && error.name === 'Error' && !('code' in error);
    throw isBare && !signal.aborted ? new PortForwardError(error.message, { cause: error }) : error;
  }
}
