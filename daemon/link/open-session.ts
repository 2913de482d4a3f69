import { untilAborted } from '#base/node/until-aborted.ts';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { openPortForward } from '#net/port-forward/open-port-forward.ts';
import { type PortForward, PortForwardError, type PortForwardTarget } from '#net/port-forward/port-forward-target.ts';

/** Opens a port-forward to the pod, and what is to be spoken on it. */
export async function openSession<S>(
  credentials: KubeClient['credentials'],
  target: PortForwardTarget,
  speak: (forward: PortForward) => Promise<S>,
  signal: AbortSignal,
): Promise<S> {
  const opening = openPortForward(credentials, target, { signal });
  try {
    return await speak(await untilAborted(opening, signal));
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
