import net from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { killGroup } from '../support/program.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();

/** Answers whatever comes with the very bytes that came, in chunks and with a secret of its own; closes when told so. */
const handler = `require('node:net').createServer({ allowHalfOpen: true }, (socket) => {
  let held = Buffer.alloc(0);
  socket.on('data', (data) => {
    held = Buffer.concat([held, data]);
    if (held.indexOf('\\r\\n\\r\\n') === -1) return;
    const body = held.toString('base64');
    held = Buffer.alloc(0);
    socket.write('HTTP/1.1 201 Created Here\\r\\nset-Cookie: session=c00kie\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n');
    socket.write(body.length.toString(16) + ';x=1\\r\\n' + body + '\\r\\n0\\r\\nX-Trailer: yes\\r\\n\\r\\n');
  });
  socket.on('end', () => socket.end());
  socket.on('error', () => undefined);
}).listen(8080, '127.0.0.1')`;

interface Entry {
  readonly kind: string;
  readonly id: number;
  readonly method?: string;
  readonly path?: string;
  readonly status?: number;
  readonly state: string;
  readonly protocol?: string;
  readonly to: string;
  readonly from: string;
  readonly in_bytes: number;
  readonly out_bytes: number;
}

describe.skipIf(missing !== undefined)(titled('traffic-view', missing), () => {
  let bed: Bed;
  let ip: string;
  let stop: (() => void) | undefined;

  beforeAll(async () => {
    bed = await createBed('traffic-view');
    await bed.product.connect();
    ip = await bed.cluster.clusterIp(bed.world.namespace, 'web');
    const child = bed.laptop.spawn([process.execPath, '-e', handler]);
    stop = () => killGroup(child, 'SIGKILL');
    await eventually('the handler listens', async () => {
      await bed.laptop.must(['curl', '--silent', '--fail', 'http://127.0.0.1:8080/']);
    });
    await bed.product.must(['intercept', 'web', '--port', '8080:http'], { timeoutMs: 90_000 });
    // On a machine that is busy the app may answer a request that waits for the laptop too long, which is another test's theme.
    await eventually('the handler answers', async () => expect((await ask('\r\n\r\n')).toString()).toContain('Created Here'));
    await bed.product.must(['traffic', '--clear']);
  });
  afterAll(async () => {
    stop?.();
    await bed?.close();
  });

  /** From within the cluster: all bytes of the answer to these. */
  const ask = async (bytes: string): Promise<Buffer> => {
    const socket = net.connect({ host: ip, port: 80, allowHalfOpen: true });
    socket.end(bytes, 'latin1');
    return await buffer(socket);
  };
  const answerTo = (bytes: string): string => {
    const body = Buffer.from(bytes, 'latin1').toString('base64');
    return `HTTP/1.1 201 Created Here\r\nset-Cookie: session=c00kie\r\nTransfer-Encoding: chunked\r\n\r\n${body.length.toString(16)};x=1\r\n${body}\r\n0\r\nX-Trailer: yes\r\n\r\n`;
  };
  const recorded = async (...flags: readonly string[]): Promise<readonly Entry[]> => {
    const { stdout } = await bed.product.must(['traffic', 'web', '--output', 'json', ...flags]);
    return JSON.parse(stdout) as readonly Entry[];
  };

  it('shows what callers in the cluster asked, and changes no byte of it', async () => {
    const request =
      'POST /orders?n=1&token=qu3ry HTTP/1.1\r\nHOST: shop\r\nAuthorization: Bearer t0psecret\r\nContent-Length: 0\r\n\r\n';
    expect((await ask(request)).toString('latin1')).toBe(answerTo(request));
    const [entry, ...others] = await recorded();
    expect(others).toEqual([]);
    expect(entry).toMatchObject({
      kind: 'request',
      method: 'POST',
      path: '/orders?n=1&token=[hidden]',
      status: 201,
      state: 'done',
      to: '127.0.0.1:8080',
      in_bytes: 0,
      out_bytes: Buffer.from(request).toString('base64').length,
    });
    expect(entry?.from).toMatch(/^\d+\.\d+\.\d+\.\d+:\d+$/);
    const hidden = JSON.stringify(await recorded('--detail'));
    for (const secret of ['t0psecret', 'c00kie', 'qu3ry']) expect(hidden).not.toContain(secret);
    expect(JSON.stringify(await recorded('--detail', '--reveal'))).toContain('Bearer t0psecret');
  });

  it('shows what is no HTTP as a connection, and passes it on as it is', async () => {
    await bed.product.must(['traffic', '--clear']);
    const bytes = '\x00\x01 not HTTP \r\n\r\n';
    expect((await ask(bytes)).toString('latin1')).toBe(answerTo(bytes));
    expect(await recorded()).toMatchObject([{ kind: 'connection', protocol: 'tcp', state: 'done', in_bytes: bytes.length }]);
  });

  it('follows requests as they come, with bodies, and exports them without secrets', async () => {
    const request = 'PUT /next HTTP/1.1\r\nCookie: a=t0psecret\r\nContent-Length: 5\r\n\r\nhello';
    const child = bed.laptop.spawn([
      settings.product,
      'traffic',
      'web',
      '--follow',
      '--bodies',
      '--detail',
      '--output',
      'json-stream',
    ]);
    let output = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    try {
      await eventually('the watcher is there', () => expect(output).toContain('"protocol":"tcp"'));
      expect((await ask(request)).toString('latin1')).toContain('201 Created Here');
      await eventually('the request is told', () =>
        expect(output).toMatch(/"path":"\/next".*"state":"done"|"state":"done".*"path":"\/next"/),
      );
    } finally {
      killGroup(child, 'SIGKILL');
    }
    expect(output).toContain('hello');
    expect(output).not.toContain('t0psecret');
    const file = `${bed.laptop.home}/out.har`;
    await bed.product.must(['traffic', '--har', file]);
    const har = await bed.laptop.must(['cat', file]);
    const { log } = JSON.parse(har) as { log: { comment: string; entries: { request: { method: string; url: string } }[] } };
    expect(log.comment).toContain('Redacted');
    expect(log.entries.map(({ request: { method, url } }) => [method, url])).toEqual([['PUT', 'http://127.0.0.1:8080/next']]);
    expect(har).not.toContain('t0psecret');
    expect(await bed.laptop.must(['stat', '--format', '%a', file])).toBe('600\n');
  });
});
