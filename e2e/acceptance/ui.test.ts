import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { eventually } from '../support/eventually.ts';
import { followState, type OpenedApi, openApi, type PageOptions, tryPage } from '../support/local-api.ts';
import { productProcesses } from '../support/product.ts';
import { missingForProduct, titled } from '../support/settings.ts';

const missing = missingForProduct();

/** The window in a browser: its page, and the local API behind it. */
describe.skipIf(missing !== undefined)(titled('ui', missing), () => {
  let bed: Bed;
  const clients: OpenedApi[] = [];

  beforeAll(async () => {
    bed = await createBed('ui', { isWorldEmpty: true });
    await bed.product.quit();
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.kill();
    await bed.product.quit();
  });
  afterAll(async () => await bed?.close());

  /** What the command prints, taken apart. */
  async function address(): Promise<{ readonly origin: string; readonly token: string }> {
    const printed = (await bed.product.must(['ui', '--no-open'])).stdout.trim();
    const { origin, hash } = new URL(printed);
    expect(printed).toBe(`${origin}/${hash}`);
    expect(origin).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(hash).toMatch(/^#token=[\w-]{43}$/);
    return { origin, token: hash.slice('#token='.length) };
  }

  const page = (origin: string, token: string, headers: Readonly<Record<string, string>> = {}): PageOptions => ({
    url: `${origin.replace('http', 'ws')}/api`,
    token,
    headers: { origin, ...headers },
  });

  async function open(options?: PageOptions): Promise<OpenedApi> {
    const client = await openApi(bed.laptop, options);
    clients.push(client);
    return client;
  }

  /** Answer of the laptop's loopback: status line, headers and body. */
  async function get(url: string, ...flags: readonly string[]) {
    const text = await bed.laptop.must(['curl', '--silent', '--include', '--max-time', '5', ...flags, url]);
    const [head = '', ...body] = text.split('\r\n\r\n');
    const [status = '', ...lines] = head.split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]),
    );
    return { status: Number(status.split(' ')[1]), headers, body: body.join('\r\n\r\n') };
  }

  it('serves the page with headers that keep it to itself, to this laptop alone', async () => {
    const { origin } = await address();
    const { status, headers, body } = await get(`${origin}/`);
    expect(status).toBe(200);
    expect(body).toMatch(/<title>.*Telepresence.*<\/title>/);
    expect(headers).toMatchObject({
      'content-type': expect.stringContaining('text/html') as unknown,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    });
    const policy = headers['content-security-policy'] ?? '';
    for (const part of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"]) expect(policy).toContain(part);
    expect(policy).not.toContain('unsafe-eval');
    const script = /src="([^"]+\.js)"/.exec(body)?.[1] ?? '';
    const asset = await get(new URL(script, `${origin}/`).href);
    expect(asset).toMatchObject({ status: 200, headers: { 'content-type': expect.stringContaining('javascript') as unknown } });
    expect((await get(`${origin}/../package.json`, '--path-as-is')).status).toBe(404);
    expect((await get(`${origin}/`, '--header', 'Host: evil.example')).status).toBe(403);
    const { port } = new URL(origin);
    const stranger = [
      'setpriv',
      '--reuid',
      '61000',
      '--clear-groups',
      'curl',
      '--silent',
      '--write-out',
      '%{http_code}',
      `${origin}/`,
    ];
    expect(await bed.laptop.must(stranger, { as: 'root' }), 'another user of the laptop').toBe('403');
    const listening = await bed.laptop.must(['sh', '-c', `ss -ltnH sport = :${port}`], { as: 'root' });
    expect(listening.trim().split('\n')).toHaveLength(1);
    expect(listening).toContain(`127.0.0.1:${port}`);
  });

  it('gives the first page with the token the state, and refuses everybody else', async () => {
    const { origin, token } = await address();
    const wrong = `${token.startsWith('A') ? 'B' : 'A'}${token.slice(1)}`;
    const refused: readonly (readonly [PageOptions, number])[] = [
      [page(origin, wrong), 401],
      [page(origin, token, { origin: 'http://evil.example' }), 403],
      [page(origin, token, { origin: 'null' }), 403],
      [page(origin, token, { host: `evil.example:${new URL(origin).port}` }), 403],
      [{ ...page(origin, token), url: `${origin.replace('http', 'ws')}/other` }, 404],
    ];
    for (const [options, status] of refused) expect(await tryPage(bed.laptop, options)).toEqual({ status });

    const { opening, api } = await open(page(origin, token));
    expect(opening).toMatchObject({
      open: true,
      protocol: 'telepresence.v1',
      cookie: expect.stringMatching(/^telepresence-ui-\d+=/) as unknown,
    });
    const states: DaemonState[] = [];
    followState(api, (state) => states.push(state));
    await eventually('a snapshot arrives', () => expect(states).not.toHaveLength(0));
    expect(states[0]).toMatchObject({ daemon: { version: expect.any(String) as unknown }, connections: {} });

    expect(await tryPage(bed.laptop, page(origin, token)), 'another browser').toEqual({ status: 401 });
    const cookie = opening.cookie ?? '';
    expect(await tryPage(bed.laptop, page(origin, token, { cookie })), 'a reload').toMatchObject({ open: true });
    const second = await address();
    expect(second.token).not.toBe(token);
    expect(await tryPage(bed.laptop, page(second.origin, second.token, { cookie })), 'a second window').toMatchObject({
      open: true,
    });
  });

  it('is told at once of what a command does, and does what a command can do', async () => {
    const { origin, token } = await address();
    const { api } = await open(page(origin, token));
    const plain = await open();
    const seen: { readonly at: number; readonly by: string; readonly kinds: readonly string[] }[] = [];
    for (const [by, client] of [
      ['page', api],
      ['socket', plain.api],
    ] as const) {
      followState(client, ({ connections }) => {
        seen.push({ at: performance.now(), by, kinds: Object.values(connections).map(({ state }) => state.kind) });
      });
    }
    const since = (kind: string | undefined, by: string, from: number) =>
      seen.find((state) => state.by === by && state.at >= from && state.kinds[0] === kind)?.at;
    const startedAt = performance.now();
    await bed.product.connect();
    const connectedAt = performance.now();
    for (const by of ['page', 'socket']) {
      const [began, on] = [since('connecting', by, startedAt) ?? Infinity, since('on', by, startedAt) ?? Infinity];
      console.log(
        `${by}: connecting after ${Math.round(began - startedAt)} ms, on ${Math.round(on - connectedAt)} ms after the command`,
      );
      expect(on - connectedAt).toBeLessThan(1_000);
    }
    const before = performance.now();
    await api.call('disconnect', {});
    await eventually('the other client sees it', () => expect(since(undefined, 'socket', before)).toBeDefined());
    expect((await bed.product.status()).user_daemon.state).toBe('off');
  });

  it('comes back at the same address when the daemon was killed, and not when it was ended', async () => {
    const { origin, token } = await address();
    const { opening, api } = await open(page(origin, token));
    await bed.product.connect();
    const ended = followState(api, () => undefined).ended;
    await bed.laptop.signal('SIGKILL', productProcesses.daemon);
    expect(await ended).toMatchObject({ code: 'daemon.lost' });
    await bed.product.run(['list-namespaces']);
    await bed.product.waitForState('on', 15_000);
    const again = await open(page(origin, token, { cookie: opening.cookie ?? '' }));
    const states: DaemonState[] = [];
    followState(again.api, (state) => states.push(state));
    await eventually('the connection is shown', () => {
      expect(Object.values(states.at(-1)?.connections ?? {}).map(({ state }) => state.kind)).toEqual(['on']);
    });
    await bed.product.quit();
    expect(await tryPage(bed.laptop, page(origin, token, { cookie: opening.cookie ?? '' }))).toEqual({ status: 'ECONNREFUSED' });
  });
});
