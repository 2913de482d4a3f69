import { createHash } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { silentLogger } from '#base/common/log.ts';
import type { TcpFlow } from '../flows.ts';
import { Nat, type NatHandlers } from '../nat.ts';
import type { NatOptions } from '../nat-config.ts';
import { openTestTun, testNetwork } from './tun-device.ts';

/** What the pretended cluster does with a connection, by destination port. */
export const echoPort = 7;
/** Counts and digests what comes, and answers `bytes digest` when the program has half-closed. */
export const digestPort = 9;
/** Closes first, at once. */
export const closesFirstPort = 13;
/** Sends `sourceBytes` and closes. */
export const sourcePort = 19;
export const refusedPort = 81;
export const unreachablePort = 82;

export const sourceBytes = 64 * 1_048_576;

/** A NAT and its listeners, with services in place of a cluster. */
export class TestRelay {
  readonly nat: Nat;
  readonly tunFd: number;
  readonly #servers: readonly net.Server[];
  readonly #sockets = new Set<net.Socket>();

  private constructor(nat: Nat, tunFd: number, servers: readonly net.Server[]) {
    this.nat = nat;
    this.tunFd = tunFd;
    this.#servers = servers;
    for (const server of servers) server.on('connection', (socket) => this.#serve(socket));
  }

  static async start(handlers: Partial<NatHandlers> = {}, options: Partial<NatOptions> = {}): Promise<TestRelay> {
    const tunFd = openTestTun();
    const servers = [await listen(testNetwork.ipv4.interfaceAddress), await listen(testNetwork.ipv6.interfaceAddress)];
    const [portV4 = 0, portV6 = 0] = servers.map((server) => (server.address() as net.AddressInfo).port);
    const nat = new Nat(
      {
        tunFd,
        ipv4: testNetwork.ipv4,
        ipv6: testNetwork.ipv6,
        listenerPortV4: portV4,
        listenerPortV6: portV6,
        logger: silentLogger,
        ...options,
      },
      {
        onTcpFlow: decideByPort,
        onUdpPacket: (flow, payload) => void flow.send(payload),
        onDeviceGone: (error) => {
          throw error;
        },
        ...handlers,
      },
    );
    const relay = new TestRelay(nat, tunFd, servers);
    await nat.start();
    return relay;
  }

  /** Ends everything, so that the process has no reason to stay. */
  async stop(): Promise<void> {
    for (const server of this.#servers) server.close();
    for (const socket of this.#sockets) socket.destroy();
    await this.nat.stop();
    fs.closeSync(this.tunFd);
  }

  #serve(socket: net.Socket): void {
    this.#sockets.add(socket);
    const flow = this.nat.flowOf(socket.remoteAddress ?? '', socket.remotePort ?? 0);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      flow?.released();
    });
    if (flow === undefined) socket.destroy();
    else serveByPort(flow.destination.port, socket);
  }
}

/** Accepts what the services above take and rejects the rest. */
export function decideByPort(flow: TcpFlow): void {
  const { port } = flow.destination;
  if (port === refusedPort) flow.reject('refused');
  else if (port === unreachablePort) flow.reject('unreachable');
  else flow.accept();
}

function serveByPort(port: number, socket: net.Socket): void {
  if (port === closesFirstPort) {
    socket.end('bye');
    socket.resume();
  } else if (port === digestPort) {
    const hash = createHash('sha256');
    let bytes = 0;
    socket.on('data', (chunk) => {
      hash.update(chunk);
      bytes += chunk.length;
    });
    socket.on('end', () => socket.end(`${bytes} ${hash.digest('hex')}`));
  } else if (port === sourcePort) {
    void sendPattern(socket, sourceBytes);
  } else {
    socket.pipe(socket);
  }
}

/** Sends bytes that depend on their position, so that a lost or swapped piece changes the digest, and half-closes. */
export async function sendPattern(socket: net.Socket, totalBytes: number): Promise<void> {
  const chunk = patternChunk();
  for (let sent = 0; sent < totalBytes; sent += chunk.length) {
    chunk.writeUInt32BE(sent >>> 0);
    if (!socket.write(Buffer.from(chunk))) await once(socket, 'drain');
  }
  socket.end();
}

/** Digest of what `sendPattern` sends. */
export function patternDigest(totalBytes: number): string {
  const hash = createHash('sha256');
  const chunk = patternChunk();
  for (let sent = 0; sent < totalBytes; sent += chunk.length) {
    chunk.writeUInt32BE(sent >>> 0);
    hash.update(chunk);
  }
  return hash.digest('hex');
}

function patternChunk(): Buffer {
  return Buffer.from(Uint8Array.from({ length: 65_536 }, (_, index) => index * 7 + (index >>> 8)));
}

async function listen(address: string): Promise<net.Server> {
  const server = net.createServer({ allowHalfOpen: true, noDelay: true });
  server.listen({ host: address, port: 0, backlog: 4_096 });
  await once(server, 'listening');
  return server;
}
