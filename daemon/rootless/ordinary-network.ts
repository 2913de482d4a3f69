import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { formatIp } from '#base/common/ip.ts';
import { untilAborted } from '#base/node/until-aborted.ts';
import type { ConnectionId, Endpoint } from '#net/tunnel/stream-info.ts';
import { DialRejectedError } from '#net/tunnel/tunnel-duplex.ts';
import type { FarEnd, FlowDialer } from '../data-path/flow-dialer.ts';

/** Reaches destinations from where the daemon is: the way out of a network namespace that has none of its own. */
export const ordinaryNetwork: FlowDialer = {
  dial: (id, signal) => (id.protocol === 'tcp' ? dialTcp(id.destination, signal) : dialUdp(id, signal)),
};

async function dialTcp({ ip, port }: Endpoint, signal: AbortSignal): Promise<FarEnd> {
  signal.throwIfAborted();
  const socket = connect({ host: formatIp(ip), port, allowHalfOpen: true, noDelay: true });
  const dialled = connected(socket);
  dialled.catch(() => undefined);
  try {
    await untilAborted(dialled, signal);
    return Object.assign(socket, { dialled });
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function connected(socket: Socket): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.on('error', (error: NodeJS.ErrnoException) =>
      reject(error.code === 'ECONNREFUSED' ? new DialRejectedError('The destination refused') : error),
    );
  });
}

async function dialUdp({ destination: { ip, port } }: ConnectionId, signal: AbortSignal): Promise<FarEnd> {
  const socket = createSocket(ip.family === 4 ? 'udp4' : 'udp6');
  const opened = new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.connect(port, formatIp(ip), resolve);
  });
  try {
    await untilAborted(opened, signal);
  } catch (error) {
    socket.close();
    throw error;
  }
  const duplex = new Duplex({
    objectMode: true,
    // A datagram that nobody takes in time is lost, as in any network.
    read: () => undefined,
    write: (datagram: Buffer, _encoding, callback) => socket.send(datagram, () => callback()),
    destroy: (error, callback) => {
      socket.close();
      callback(error);
    },
  });
  socket.on('message', (datagram) => duplex.push(datagram));
  // Such as "connection refused" for a port where nobody listens.
  socket.on('error', (error) => duplex.destroy(error));
  return Object.assign(duplex, { dialled: Promise.resolve() });
}
