import { describe, expect, it } from 'vitest';
import { ask, FakeCluster, FakeFormer, startServer } from './dns-test-bed.ts';
import { verifyDns } from './verify-dns.ts';

describe('verifyDns', () => {
  it('succeeds when a look-up of the resolver library arrives', async () => {
    await using server = await startServer({});
    expect(await verifyDns(server, { resolve: (name) => ask(server, name) })).toEqual({ ok: true });
  });

  it('succeeds when only a later attempt arrives', async () => {
    await using server = await startServer({});
    let attempts = 0;
    const resolve = async (name: string): Promise<unknown> => (++attempts === 1 ? undefined : ask(server, name));
    expect(await verifyDns(server, { resolve })).toEqual({ ok: true });
  });

  it('says what happened instead', async () => {
    await using server = await startServer({});
    const verification = await verifyDns(server, {
      timeoutMs: 30,
      resolve: async () => {
        throw new Error('ENOTFOUND');
      },
    });
    expect(verification).toEqual({
      ok: false,
      reason: expect.stringMatching(/did not reach .* 30 ms: the resolver said ENOTFOUND/) as string,
    });
  });

  it('fails with the system’s own resolver where nothing is hooked up', async () => {
    await using server = await startServer({});
    expect(await verifyDns(server, { timeoutMs: 100 })).toMatchObject({ ok: false });
  });
});

describe('detectRecursion', () => {
  it('notices a cluster that asks the laptop, and breaks the circle', async () => {
    await using former = await new FakeFormer().start();
    former.reply = (question) => ({ answers: [{ type: 'A', name: question.name, ttl: 1, data: '192.0.2.1' }] });
    const cluster = new FakeCluster([{ type: 'A', name: 'db.corp', ttl: 5, data: '10.1.1.1' }]);
    await using server = await startServer({
      cluster,
      formerServers: [former.endpoint],
      includeSuffixes: ['corp'],
      lookupTimeoutMs: 2_000,
    });
    const inner: unknown[] = [];
    cluster.before = async (name) => {
      inner.push((await ask(server, name.slice(0, -1))).answers);
    };
    expect(await server.detectRecursion()).toBe(true);
    expect((await ask(server, 'db.corp')).answers).toMatchObject([{ data: '10.1.1.1' }]);
    expect(inner.at(-1)).toMatchObject([{ data: '192.0.2.1' }]);
  });

  it('finds none in a cluster that answers for itself', async () => {
    await using server = await startServer({});
    expect(await server.detectRecursion()).toBe(false);
  });
});
