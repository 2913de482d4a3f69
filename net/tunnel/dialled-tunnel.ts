import { untilAborted } from '#base/node/until-aborted.ts';
import type { TunnelDuplex } from './tunnel-duplex.ts';

/**
 * The tunnel, once the far side has dialled; destroyed where it has not. From then on its failure is its end, and no error event unheard.
 *
 * @throws what `tunnel.dialled` rejects with, the signal's reason where that aborts before.
 */
export async function dialledTunnel(tunnel: TunnelDuplex, signal: AbortSignal): Promise<TunnelDuplex> {
  tunnel.on('error', () => undefined);
  try {
    await untilAborted(tunnel.dialled, signal);
    return tunnel;
  } catch (error) {
    tunnel.destroy();
    throw error;
  }
}
