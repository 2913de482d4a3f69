import { createHash } from 'node:crypto';
import dgram from 'node:dgram';
import http from 'node:http';
import http2 from 'node:http2';
import net from 'node:net';
import { WebSocketServer } from 'ws';
import { patternBlocks } from '../pattern.ts';

/** What came in after this side had already said goodbye (port 9006), newest last. */
const received: string[] = [];

const listen = (port: number, serve: (socket: net.Socket) => void) => {
  net
    .createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('error', () => undefined);
      serve(socket);
    })
    .listen({ port, host: '::', backlog: 4096 });
};

http
  .createServer((request, response) => {
    response.end(request.url === '/received' ? JSON.stringify(received) : 'ready\n');
  })
  .listen(9000, '::');

// Echo; what is under way is sent back after the caller's end, too.
listen(9001, (socket) => socket.pipe(socket));

// Sink: the caller ends its side first, the answer comes after that.
listen(9002, (socket) => {
  const hash = createHash('sha256');
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  socket.on('end', () => socket.end(JSON.stringify({ bytes, sha256: hash.digest('hex') })));
});

// Source: the caller says how many bytes it wants.
listen(9003, (socket) => {
  socket.once('data', (request: Buffer) => {
    const blocks = patternBlocks(Number(request.toString().trim()));
    // By hand: leaving a `for … of` would end the generator.
    const next = () => {
      for (let step = blocks.next(); step.done !== true; step = blocks.next()) {
        if (!socket.write(step.value)) {
          socket.once('drain', next);
          return;
        }
      }
      socket.end();
    };
    next();
  });
});

// Closes first, at once.
listen(9004, (socket) => socket.end('bye\n'));

// Resets at the first byte.
listen(9005, (socket) => socket.once('data', () => socket.resetAndDestroy()));

// Ends its own side first and goes on listening.
listen(9006, (socket) => {
  socket.end('hello\n');
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  socket.on('end', () => received.push(text));
});

// Never reads: what a sender may send is what buffers on the way take.
listen(9007, (socket) => socket.pause());

const udp = dgram.createSocket('udp6');
udp.on('message', (message, from) => udp.send(message, from.port, from.address));
udp.bind(9001, '::');

const h2 = http2.createServer();
h2.on('stream', (stream, headers) => {
  stream.on('error', () => undefined);
  const isGrpc = headers['content-type']?.startsWith('application/grpc') === true;
  stream.respond({ ':status': 200, 'content-type': isGrpc ? 'application/grpc' : 'text/plain' }, { waitForTrailers: isGrpc });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.pipe(stream);
});
h2.listen(8081, '::');

const webSockets = new WebSocketServer({ host: '::', port: 8082 });
webSockets.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }));
});
