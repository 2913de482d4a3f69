import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { harOf } from './har.ts';
import type { RawTraffic } from './raw-traffic.ts';
import { trafficDetail } from './traffic-detail.ts';

const secrets = ['t0psecret', 'c00kie', 'k3y', 'b4sic', 'qu3ry', 'r3f', 'p4ss', 'inn3r'];

function rawOf(change: Partial<RawTraffic> = {}): RawTraffic {
  const requestBody = Buffer.from('{"item":"tea","note":"inn3r"}');
  const responseBody = gzipSync('{"id":7}');
  return {
    entry: {
      kind: 'request',
      id: 1,
      engagement: 'web',
      time: '2026-01-01T00:00:00.000Z',
      durationMs: 12.5,
      state: 'done',
      from: '10.42.0.7:40000',
      to: '127.0.0.1:8080',
      inBytes: requestBody.length,
      outBytes: responseBody.length,
      method: 'POST',
      path: '/orders?access_token=[hidden]&n=1',
      host: 'shop:80',
      status: 201,
    },
    target: '/orders?access_token=qu3ry&n=1',
    request: {
      head: [
        'POST /orders?access_token=qu3ry&n=1 HTTP/1.1',
        'Host: shop:80',
        'Authorization: Bearer t0psecret',
        'Proxy-Authorization: Basic b4sic',
        'Cookie: session=c00kie',
        'X-Api-Key: k3y',
        'Referer: http://user:p4ss@shop/#id_token=r3f&a=1',
        "X-Note: it's fine",
        '@/etc/passwd: x',
        'Content-Type: application/json',
        `Content-Length: ${requestBody.length}`,
      ].join('\r\n'),
      isCut: false,
      bytes: requestBody.length,
      body: requestBody,
    },
    response: {
      head: 'HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nSet-Cookie: session=c00kie',
      isCut: false,
      bytes: responseBody.length,
      body: responseBody,
    },
    ...change,
  };
}

describe('a request in detail', () => {
  it('hides what lets somebody in, and shows the rest', () => {
    const { request, response, entry, curl } = trafficDetail(rawOf(), false);
    const text = JSON.stringify([{ ...request, body: undefined }, response, entry]);
    for (const secret of secrets) expect(text).not.toContain(secret);
    expect(request?.headers).toContainEqual({ name: 'Authorization', value: '[hidden]', isHidden: true });
    expect(request?.headers).toContainEqual({ name: 'Host', value: 'shop:80', isHidden: false });
    expect(request?.startLine).toBe('POST /orders?access_token=[hidden]&n=1 HTTP/1.1');
    expect(response?.body.content).toEqual({ kind: 'text', text: '{"id":7}' });
    expect(curl?.isComplete).toBe(false);
    expect(curl?.command).not.toContain('t0psecret');
  });

  it('has all of it where it is to be revealed, and a command that a shell takes as it is', () => {
    const { request, entry, curl } = trafficDetail(rawOf(), true);
    expect(request?.headers).toContainEqual({ name: 'Authorization', value: 'Bearer t0psecret', isHidden: false });
    expect(entry).toMatchObject({ path: '/orders?access_token=qu3ry&n=1' });
    expect(curl?.isComplete).toBe(true);
    expect(curl?.command).toBe(
      [
        "curl --request POST 'http://127.0.0.1:8080/orders?access_token=qu3ry&n=1' --header 'Host: shop:80'",
        "--header 'Authorization: Bearer t0psecret' --header 'Proxy-Authorization: Basic b4sic'",
        "--header 'Cookie: session=c00kie' --header 'X-Api-Key: k3y' --header 'Referer: http://user:p4ss@shop/#id_token=r3f&a=1'",
        "--header 'X-Note: it'\\''s fine' --header 'Content-Type: application/json'",
        `--data-raw '{"item":"tea","note":"inn3r"}'`,
      ].join(' '),
    );
  });

  it('makes no option of curl of what a caller wrote', () => {
    const raw = rawOf({ target: '-o/etc/cron.d/x' });
    const { curl } = trafficDetail({ ...raw, entry: { ...raw.entry, path: '-o/etc/cron.d/x' } }, true);
    expect(curl?.command).toMatch(/^curl --request POST http:\/\/127\.0\.0\.1:8080\/ /);
    expect(curl?.command).not.toContain('passwd');
  });

  it('says what of a body is not text, is cut off, or was not kept', () => {
    const raw = rawOf();
    const message = raw.response;
    if (message === undefined) throw new Error('No response');
    const bytes = new Uint8Array([0, 255, 1]);
    const binary = { ...message, head: 'HTTP/1.1 200 OK\r\nContent-Type: image/png', body: bytes, bytes: 90 };
    const shown = trafficDetail({ ...raw, response: binary }, false).response?.body;
    expect(shown).toEqual({ bytes: 90, keptBytes: 3, content: { kind: 'binary', base64: 'AP8B' } });
    const packed = gzipSync('x'.repeat(5_000));
    const half = { ...message, body: packed.subarray(0, packed.length - 9), bytes: packed.length };
    expect(trafficDetail({ ...raw, response: half }, false).response?.body.content).toMatchObject({ kind: 'text' });
    expect(trafficDetail({ ...raw, response: { ...message, body: undefined } }, false).response?.body.content).toBeUndefined();
  });
});

describe('an archive', () => {
  interface Har {
    readonly log: {
      readonly comment: string;
      readonly entries: readonly {
        readonly request: { readonly url: string; readonly postData: { readonly text: string } };
        readonly response: { readonly status: number; readonly content: { readonly text?: string } };
      }[];
    };
  }
  const archive = (isRevealed: boolean) => harOf([trafficDetail(rawOf(), isRevealed)], isRevealed);

  it('is redacted and says so', () => {
    const text = archive(false);
    for (const secret of secrets) expect(text).not.toContain(secret);
    const { log } = JSON.parse(text) as Har;
    expect(log.comment).toContain('Redacted');
    expect(log.entries).toHaveLength(1);
    expect(log.entries[0]?.response).toMatchObject({ status: 201, content: { mimeType: 'application/json' } });
  });

  it('has bodies and secrets where it is to have them, and says so', () => {
    const { log } = JSON.parse(archive(true)) as Har;
    expect(log.comment).toContain('credentials');
    expect(log.entries[0]?.request.url).toBe('http://shop:80/orders?access_token=qu3ry&n=1');
    expect(log.entries[0]?.request.postData.text).toContain('tea');
    expect(log.entries[0]?.response.content.text).toBe('{"id":7}');
  });
});
