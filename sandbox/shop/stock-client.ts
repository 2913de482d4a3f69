import http2 from 'node:http2';
import { countPath, decodeCountReply, encodeCountRequest } from './stock-wire.ts';

/** Asks the stock for the counts of some products. @throws where it does not answer. */
export async function countProducts(server: string, products: readonly string[]): Promise<Readonly<Record<string, number>>> {
  const session = http2.connect(server);
  try {
    const failed = new Promise<never>((_, reject) => session.on('error', reject));
    const asked = Promise.all(products.map(async (product) => [product, await count(session, product)] as const));
    return Object.fromEntries(await Promise.race([asked, failed]));
  } finally {
    session.close();
  }
}

function count(session: http2.ClientHttp2Session, product: string): Promise<number> {
  const stream = session.request({
    ':method': 'POST',
    ':path': countPath,
    'content-type': 'application/grpc',
    te: 'trailers',
  });
  stream.end(encodeCountRequest(product));
  return new Promise<number>((resolve, reject) => {
    const chunks: Buffer[] = [];
    let status = '';
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('trailers', (trailers: http2.IncomingHttpHeaders) => (status = String(trailers['grpc-status'])));
    stream.on('error', reject);
    stream.on('end', () => {
      if (status === '0') resolve(decodeCountReply(Buffer.concat(chunks)));
      else reject(new Error(`The stock answered with status ${status}`));
    });
  });
}
