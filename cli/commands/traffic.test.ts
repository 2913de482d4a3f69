import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallEvent, CallInput } from '#protocol/local-api/local-api.ts';
import { exampleEngagement } from '#protocol/local-api/testing/example-state.ts';
import { exampleConnectionEntry, exampleDetail, exampleRequest } from '#protocol/local-api/testing/example-traffic.ts';
import { Interrupts } from '../interrupts.ts';
import { connection, directory, json, run, serve } from '../testing/cli-harness.ts';

const post = exampleRequest({ id: 3, method: 'POST', path: '/orders\x1b[2J', status: 503, durationMs: 2 });
const entries = [exampleRequest(), exampleConnectionEntry(), post];
const state = fakeState({
  connections: { 'dev-shop': connection },
  engagements: { 'dev-shop/cart': exampleEngagement({ connection: 'dev-shop' }) },
});

/** A daemon with this traffic, and what it was asked. */
async function serveTraffic(later: CallEvent<'watchTraffic'>[] = []) {
  const asked: { watch?: CallInput<'watchTraffic'>; exported?: CallInput<'exportTraffic'>; isCleared?: boolean } = {};
  await serve(
    {
      watchTraffic: async (input, { emit, signal }) => {
        asked.watch = input;
        emit({ kind: 'snapshot', entries });
        for (const event of later) emit(event);
        await untilAborted(signal);
        return {};
      },
      readTraffic: async ({ id, reveal }) => {
        const entry = entries.find((each) => each.id === id);
        if (entry?.kind === 'request') return exampleDetail(entry, reveal);
        if (entry !== undefined) return { entry };
        throw new AppError({ code: 'not-found', message: 'Gone' });
      },
      exportTraffic: async (input) => {
        asked.exported = input;
        return { file: input.outputFile, entries: input.ids.length, missing: 1 };
      },
      clearTraffic: async () => {
        asked.isCleared = true;
        return {};
      },
    },
    state,
  );
  return asked;
}

describe('traffic', () => {
  it('shows what is kept, a line each, which does not control the terminal', async () => {
    const asked = await serveTraffic();
    const { stdout, code } = await run('traffic cart');
    const lines = stdout.trimEnd().split('\n');
    expect(code).toBe(0);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatch(
      /^12:00:00\.123 {2}cart {2}GET +200 +13 ms +27 B {2}10\.42\.0\.7:40000 -> 127\.0\.0\.1:8080 {2}\/items\?n=7$/,
    );
    expect(lines[1]).toContain('WS');
    expect(lines[2]).toContain('/orders\uFFFD[2J');
    expect(asked.watch).toEqual({ use: '^dev-shop$', engagement: 'cart', bodies: false });
  });

  it('has documents for programs, and details where they are asked for', async () => {
    await serveTraffic();
    expect(json(await run('traffic --output json'))).toMatchObject([
      { kind: 'request', method: 'GET', path: '/items?n=7', status: 200, duration_ms: 12.5, to: '127.0.0.1:8080' },
      { kind: 'connection', protocol: 'websocket', state: 'open' },
      { method: 'POST' },
    ]);
    const hidden = json(await run('traffic --detail --method get --output json'));
    expect(hidden).toMatchObject([{ request: { headers: [{}, { name: 'Authorization', value: '[hidden]', hidden: true }] } }]);
    expect((await run('traffic --detail --method get --reveal')).stdout).toContain('  > Authorization: Bearer t0psecret');
    expect((await run('traffic --output json-stream')).stdout.trim().split('\n')).toHaveLength(3);
  });

  it('filters by method, status and words', async () => {
    await serveTraffic();
    const paths = async (flags: string) =>
      (json(await run(`traffic --output json ${flags}`)) as { path: string }[]).map(({ path }) => path);
    expect(await paths('--method post,put')).toEqual([post.path]);
    expect(await paths('--status 5xx,open')).toEqual(['/live', post.path]);
    expect(await paths('--grep live')).toEqual(['/live']);
    expect((await run('traffic --grep nothing')).stdout).toBe('No requests yet\n');
    expect(await run('traffic --status teapot')).toMatchObject({ code: 2 });
  });

  it('prints commands that send requests again', async () => {
    await serveTraffic();
    expect((await run('traffic --curl --method get')).stdout).toBe("curl 'http://127.0.0.1:8080/items?n=7'\n");
  });

  it('follows what comes until Ctrl-C, says what was left out, and writes all of it to an archive', async () => {
    const open = exampleRequest({ id: 4, path: '/next', state: 'open', status: undefined, durationMs: undefined });
    const asked = await serveTraffic([
      { kind: 'changed', entries: [open], skipped: 7 },
      { kind: 'changed', entries: [exampleRequest({ id: 4, path: '/next' })], skipped: 0 },
    ]);
    const interrupts = new Interrupts(() => undefined);
    const { code, stdout, stderr } = await run('traffic --follow --bodies --har out.har', {
      interrupts,
      onStdout: (text) => {
        if (text.includes('/next')) interrupts.raise();
      },
    });
    expect(code).toBe(130);
    expect(stdout.match(/\/next/g)).toHaveLength(1);
    expect(stderr).toContain('7 more came too fast to be shown');
    expect(stdout).toContain(`3 requests have been written to ${join(directory, 'out.har')} (redacted`);
    expect(asked.watch).toEqual({ bodies: true });
    expect(asked.exported).toEqual({ ids: [1, 3, 4], reveal: false, outputFile: join(directory, 'out.har') });
  });

  it('forgets, and refuses what has no sense', async () => {
    const asked = await serveTraffic();
    expect((await run('traffic --clear')).stdout).toBe('The recorded traffic is forgotten\n');
    expect(asked.isCleared).toBe(true);
    expect(await run('traffic --follow --output json')).toMatchObject({ code: 2 });
    expect(await run('traffic --clear --follow')).toMatchObject({ code: 2 });
    expect((await run('__complete -- traffic c')).stdout).toBe('cart\n');
    expect((await run('traffic --help')).stdout).toContain('telepresence traffic shop --follow --status 4xx,5xx');
  });
});
