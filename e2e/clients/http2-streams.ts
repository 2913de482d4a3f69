// http2-streams.ts ORIGIN STREAMS MESSAGES: concurrent gRPC-shaped streams on one HTTP/2 connection: length-prefixed messages go out
// one at a time, the next when the echo of the one before has come; trailers end the stream.
import http2 from 'node:http2';

const [origin = '', streams, messages] = process.argv.slice(2);
const session = http2.connect(origin);

async function converse(id: number): Promise<boolean> {
  return await new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/e2e.Echo/Stream',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    let sent = 0;
    let pending = Buffer.alloc(0);
    let expected = Buffer.alloc(0);
    let isEqual = true;
    const next = () => {
      if (sent === Number(messages)) {
        stream.end();
        return;
      }
      const body = Buffer.from(`stream ${id} message ${sent} `.repeat(50));
      expected = Buffer.concat([Buffer.from([0, 0, 0, body.length >> 8, body.length & 0xff]), body]);
      sent += 1;
      stream.write(expected);
    };
    stream.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk]);
      if (pending.length < expected.length) return;
      isEqual &&= pending.equals(expected);
      pending = Buffer.alloc(0);
      next();
    });
    let status: unknown;
    stream.on('trailers', (trailers: http2.IncomingHttpHeaders) => {
      status = trailers['grpc-status'];
    });
    stream.on('error', () => resolve(false));
    stream.on('close', () => resolve(isEqual && sent === Number(messages) && status === '0'));
    next();
  });
}

session.on('error', (error) => {
  console.log(JSON.stringify({ error: String(error) }));
  process.exit(1);
});
const results = await Promise.all(Array.from({ length: Number(streams) }, async (_, id) => await converse(id)));
console.log(JSON.stringify({ streams: results.length, whole: results.filter(Boolean).length }));
session.close();
