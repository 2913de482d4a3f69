import type { Duplex } from 'node:stream';
import type WebSocket from 'ws';
import type { NodeApi, PodName } from '../../node/node-api.ts';
import { type SpdyStream, serveSpdy } from './spdy-connection.ts';

type Dial = (port: number) => Promise<Duplex>;

/** Port-forwards as streams of a SPDY connection: two for each connection, one for data and one for why there are none. */
export function forwardBySpdy(node: NodeApi, pod: PodName, socket: Duplex): void {
  const dial: Dial = async (port) => await node.portForward(pod, port);
  const waiting = new Map<string, { readonly data?: SpdyStream; readonly error?: SpdyStream }>();
  const connection = serveSpdy({
    socket,
    onStream: (stream) => {
      const id = stream.headers['requestid'] ?? '';
      const pair = { ...waiting.get(id), ...(stream.headers['streamtype'] === 'error' ? { error: stream } : { data: stream }) };
      const { data, error } = pair;
      if (data === undefined || error === undefined) {
        waiting.set(id, pair);
        return;
      }
      waiting.delete(id);
      join(dial, data, error, connection);
    },
  });
}

function join(dial: Dial, data: SpdyStream, error: SpdyStream, connection: ReturnType<typeof serveSpdy>): void {
  const port = Number(data.headers['port']);
  let pod: Duplex | undefined;
  let early: Buffer[] | undefined = [];
  let isEnded = false;
  data.onData((bytes) => {
    if (pod === undefined) early?.push(bytes);
    else if (!pod.destroyed && !pod.write(bytes)) connection.pause();
  });
  data.onEnd(() => {
    isEnded = true;
    pod?.end();
  });
  void dial(port).then(
    (stream) => {
      pod = stream;
      for (const bytes of early ?? []) pod.write(bytes);
      early = undefined;
      stream.on('drain', () => connection.resume());
      stream.on('data', (bytes: Buffer) => {
        if (!data.write(bytes)) stream.pause();
      });
      connection.onDrain(() => void stream.resume());
      stream.on('error', () => stream.destroy());
      stream.once('close', () => {
        connection.resume();
        data.end();
        error.end();
      });
      stream.once('end', () => data.end());
      if (isEnded) stream.end();
    },
    (failure: unknown) => {
      early = undefined;
      error.write(Buffer.from(`error forwarding port ${port}: ${(failure as Error).message}`));
      error.end();
      data.end();
    },
  );
}

/** Bytes that may wait for a client before the pod is paused. */
const maxQueuedBytes = 1024 * 1024;

/**
 * Port-forwards over WebSocket messages (`v4.channel.k8s.io`): two channels for each port of the request, data and error. The first
 * message of a channel is its port, in two bytes.
 */
export function forwardByChannels(node: NodeApi, pod: PodName, ports: readonly number[], socket: WebSocket): void {
  const streams: (Promise<Duplex> | undefined)[] = ports.map((port, index) => {
    const announced = Buffer.alloc(3);
    announced.writeUInt16LE(port, 1);
    for (const channel of [2 * index, 2 * index + 1]) socket.send(Buffer.concat([Buffer.from([channel]), announced.subarray(1)]));
    return node.portForward(pod, port).then((stream) => {
      stream.on('data', (bytes: Buffer) => {
        socket.send(Buffer.concat([Buffer.from([2 * index]), bytes]), () => stream.resume());
        if (socket.bufferedAmount > maxQueuedBytes) stream.pause();
      });
      stream.on('error', () => stream.destroy());
      stream.once('close', () => socket.close());
      return stream;
    });
  });
  for (const [index, stream] of streams.entries()) {
    stream?.catch((failure: unknown) => {
      const text = `error forwarding port ${ports[index] ?? 0}: ${(failure as Error).message}`;
      socket.send(Buffer.concat([Buffer.from([2 * index + 1]), Buffer.from(text)]), () => socket.close());
    });
  }
  socket.on('message', (message: Buffer) => {
    const stream = streams[(message[0] ?? 0) / 2];
    void stream?.then(
      (opened) => {
        if (!opened.destroyed && !opened.write(message.subarray(1))) {
          socket.pause();
          opened.once('drain', () => socket.resume());
        }
      },
      () => undefined,
    );
  });
  socket.once('close', () => {
    for (const stream of streams) {
      void stream?.then(
        (opened) => opened.destroy(),
        () => undefined,
      );
    }
  });
}
