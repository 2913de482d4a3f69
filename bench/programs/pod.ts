// Runs in the cluster, and on the laptop in place of a workload: the far end of every load. Plain sockets, so that the way there is what is measured.
import { randomFillSync } from 'node:crypto';
import net from 'node:net';
import { goodbye, httpMessages, places, ports, reportBytes } from './ports.ts';

const reportIntervalMs = 50;
const block = randomFillSync(Buffer.allocUnsafe(256 * 1024));

const listen = (port: number, serve: (socket: net.Socket) => void) => {
  net
    .createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    })
    .listen({ port, host: '::', backlog: 4096 });
};

listen(ports.echo, (socket) => {
  socket.on('data', (chunk: Buffer) => socket.write(chunk));
});

// Swallows, and says on the same connection how much has arrived: the sender's own count would include buffers on the way.
listen(ports.sink, (socket) => {
  let startedAt = 0;
  let bytes = 0;
  const timer = setInterval(() => {
    if (bytes === 0) return;
    const report = Buffer.allocUnsafe(reportBytes);
    report.writeDoubleLE(performance.now() - startedAt, 0);
    report.writeDoubleLE(bytes, 8);
    socket.write(report);
  }, reportIntervalMs);
  socket.on('data', (chunk: Buffer) => {
    if (bytes === 0) startedAt = performance.now();
    bytes += chunk.length;
  });
  socket.on('close', () => clearInterval(timer));
});

// The caller says for how many milliseconds it wants bytes.
listen(ports.source, (socket) => {
  socket.once('data', (request: Buffer) => {
    const end = performance.now() + Number(request.toString());
    const next = () => {
      while (performance.now() < end && !socket.destroyed) {
        if (!socket.write(block)) {
          socket.once('drain', next);
          return;
        }
      }
      socket.end();
    };
    next();
  });
});

listen(ports.goodbye, (socket) => {
  socket.resume();
  socket.end(goodbye);
});

listen(ports.place, (socket) => {
  socket.resume();
  socket.end(process.env[places.variable] === undefined ? places.cluster : places.laptop);
});

// As servers do; the first process of a container would not end by itself.
process.once('SIGTERM', () => process.exit(0));

const { request, closingRequest, response, closingResponse } = httpMessages;
const responseBytes = Buffer.from(response);
listen(ports.http, (socket) => {
  let pending = '';
  socket.on('data', (chunk: Buffer) => {
    // The usual case first: one whole request and nothing before it.
    pending += chunk.toString('latin1');
    if (pending === request) {
      pending = '';
      socket.write(responseBytes);
      return;
    }
    for (let end = pending.indexOf('\r\n\r\n'); end >= 0; end = pending.indexOf('\r\n\r\n')) {
      const isLast = pending.slice(0, end + 4) === closingRequest;
      pending = pending.slice(end + 4);
      if (isLast) socket.end(closingResponse);
      else socket.write(responseBytes);
    }
  });
});
