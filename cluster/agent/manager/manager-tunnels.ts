import { managerTunnelPath, openTunnel } from '#net/tunnel/open-tunnel.ts';
import type { StreamInfo } from '#net/tunnel/stream-info.ts';
import { tunnelCode } from '#net/tunnel/tunnel-code.ts';
import type { TunnelDuplex } from '#net/tunnel/tunnel-duplex.ts';
import { ManagerConnection } from './manager-connection.ts';

/** After the last tunnel, the connection that carried it is kept for the next one this long. */
const idleMs = 60_000;

/** Tunnels on the traffic-manager, on a connection of their own that exists while it is used: bulk does not hold up calls. */
export class ManagerTunnels {
  readonly #connection: ManagerConnection;
  #idle: NodeJS.Timeout | undefined;
  #open = 0;

  constructor(url: string) {
    this.#connection = new ManagerConnection(url);
  }

  /** @param agentSessionId who opens it; `info` names the laptop's session, which is to be joined */
  openJoined(info: StreamInfo, agentSessionId: string): TunnelDuplex {
    const tunnel = openTunnel(this.#connection.session(), managerTunnelPath, { ...info, sessionId: agentSessionId });
    tunnel.sendControl(tunnelCode.session, Buffer.from(info.sessionId));
    clearTimeout(this.#idle);
    this.#open += 1;
    tunnel.once('close', () => {
      this.#open -= 1;
      if (this.#open === 0) this.#idle = setTimeout(() => this.#connection.close(), idleMs).unref();
    });
    return tunnel;
  }

  destroy(): void {
    clearTimeout(this.#idle);
    this.#connection.destroy();
  }
}
