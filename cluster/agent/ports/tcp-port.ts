import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { formatIp, type IpAddress } from '#base/common/ip.ts';
import type { Logger } from '#base/common/log.ts';
import { type ConnectionEnd, resetEnd } from '#net/relay/join-streams.ts';
import type { AgentPort } from '#protocol/agent/agent-config.ts';
import type { PortIntercept } from '../intercepts.ts';
import type { LaptopDialer } from '../laptop/laptop-dialer.ts';
import { PathSwitch } from './path-switch.ts';
import { RelayedConnection } from './relayed-connection.ts';
import { socketEndpoint } from './socket-endpoint.ts';

export interface PortOptions {
  readonly port: Pick<AgentPort, 'agentPort' | 'containerPort' | 'idlePath'>;
  readonly dialer: LaptopDialer;
  readonly logger: Logger;
  /** Default: all addresses. */
  readonly host?: string;
}

/** Probes start after this long without traffic, so that a caller who vanished does not hold a connection of the app for ever. */
const keepAliveMs = 60_000;

/** The app is in the same pod: no answer in this time means a full backlog. */
const appDialTimeoutMs = 10_000;

/** One TCP port of the app: what arrives goes on to the app, or to the laptop that has intercepted the port. */
export class TcpPort {
  readonly #options: PortOptions;
  readonly #server: Server;
  readonly #connections = new Map<RelayedConnection, 'app' | 'laptop'>();
  readonly #callers = new Set<Socket>();
  readonly #path: PathSwitch | undefined;
  #intercept: PortIntercept | undefined;

  constructor(options: PortOptions) {
    this.#options = options;
    const server = net.createServer({
      allowHalfOpen: true,
      pauseOnConnect: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
    server.on('connection', (caller) => void this.#serve(caller));
    this.#server = server;
    const { containerPort, idlePath } = options.port;
    this.#path = idlePath === 'direct' ? new PathSwitch(containerPort, options.logger) : undefined;
  }

  get connectionCount(): number {
    return this.#callers.size;
  }

  /** @returns the port, which the system chooses for 0. */
  async listen(): Promise<number> {
    const { port, host, logger } = this.#options;
    await new Promise<void>((resolve, reject) => this.#server.once('error', reject).listen(port.agentPort, host, resolve));
    this.#server.removeAllListeners('error');
    this.#server.on('error', (error) => logger.error('A listener failed', { port: port.agentPort, error }));
    return (this.#server.address() as AddressInfo).port;
  }

  /**
   * From now on connections go there, or to the app; those that go elsewhere are brought to an end. Resolves when new ones come this way
   * for it, where they otherwise pass the agent by.
   */
  async setIntercept(intercept: PortIntercept | undefined): Promise<void> {
    const isSame = intercept?.id === this.#intercept?.id && intercept?.sessionId === this.#intercept?.sessionId;
    this.#intercept = intercept;
    if (!isSame) for (const connection of this.#connections.keys()) connection.drain();
    await (intercept === undefined ? this.#path?.close() : this.#path?.open());
  }

  /** The laptop of the intercept answers again: what went to the app meanwhile is brought to an end. */
  laptopReturned(): void {
    for (const [connection, target] of this.#connections) if (target === 'app') connection.drain();
  }

  /** Ends the listener and every connection. */
  async stop(): Promise<void> {
    await this.#path?.close();
    this.#server.close();
    for (const connection of this.#connections.keys()) connection.reset();
    for (const caller of this.#callers) resetEnd(caller);
  }

  async #serve(caller: Socket): Promise<void> {
    this.#callers.add(caller);
    caller.on('error', () => undefined).once('close', () => this.#callers.delete(caller));
    const source = socketEndpoint(caller.remoteAddress, caller.remotePort);
    const own = socketEndpoint(caller.localAddress, caller.localPort);
    // It was reset before it was accepted.
    if (source === undefined || own === undefined) return resetEnd(caller);
    const intercept = this.#intercept;
    if (intercept === undefined) return this.#connectApp(caller, own.ip, undefined);
    const outcome = await this.#options.dialer.dial(intercept, source, 'tcp');
    switch (outcome.kind) {
      case 'reached':
        return this.#relay(caller, outcome.tunnel, 'laptop', intercept);
      case 'refused':
        return resetEnd(caller);
      case 'lost':
        this.#connectApp(caller, own.ip, intercept);
    }
  }

  /** The app is dialled at the address that the caller used: it is as reachable as without an agent, and in the same family. */
  #connectApp(caller: Socket, address: IpAddress, intercept: PortIntercept | undefined): void {
    if (caller.destroyed) return;
    const app = net.connect({
      host: formatIp(address),
      port: this.#options.port.containerPort,
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveMs,
    });
    const timer = setTimeout(() => app.destroy(new Error('The app did not answer in time')), appDialTimeoutMs);
    const refuse = () => {
      clearTimeout(timer);
      resetEnd(caller);
    };
    app.once('error', refuse);
    app.once('connect', () => {
      clearTimeout(timer);
      app.off('error', refuse);
      this.#relay(caller, app, 'app', intercept);
    });
  }

  /** @param intercept what the connection was sent there by; it may have changed by now */
  #relay(caller: Socket, target: ConnectionEnd, kind: 'app' | 'laptop', intercept: PortIntercept | undefined): void {
    const connection = new RelayedConnection(caller, target);
    this.#connections.set(connection, kind);
    caller.once('close', () => this.#connections.delete(connection));
    if (this.#intercept?.id !== intercept?.id) connection.drain();
  }
}
