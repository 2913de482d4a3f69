// How many of each product there are: gRPC, in memory.
import http2 from 'node:http2';
import { countPath, decodeCountRequest, encodeCountReply } from './stock-wire.ts';

const counts: Readonly<Record<string, number>> = { teapot: 12, cup: 48, kettle: 3, spoon: 0 };

const server = http2.createServer();
server.on('stream', (stream, headers) => {
  stream.on('error', () => undefined);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    const isKnown = headers[':path'] === countPath;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    // gRPC tells of success in a trailer; 12 is UNIMPLEMENTED.
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': isKnown ? '0' : '12' }));
    if (isKnown) stream.end(encodeCountReply(counts[decodeCountRequest(Buffer.concat(chunks))] ?? 0));
    else stream.end();
  });
});
server.listen(Number(process.env['PORT'] ?? 9090));
