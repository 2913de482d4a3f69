import type { Answer } from 'dns-packet';
import { decode } from 'dns-packet';
import { describe, expect, it } from 'vitest';
import { ask, exchangeTcp, FakeCluster, FakeFormer, queryBytes, startServer } from './dns-test-bed.ts';

const firstPorts = { first: 21_400, last: 21_463 };
const secondPorts = { first: 21_464, last: 21_527 };
const record = (name: string, data: string): Answer => ({ type: 'A', name, ttl: 30, data });

/** Two connections, of which the laptop's resolver asks the first only, and the name server that was there before. */
async function startTwo(firstRecords: readonly Answer[], secondRecords: readonly Answer[]) {
  const former = await new FakeFormer().start();
  former.reply = () => ({ answers: [{ type: 'A', name: 'www.example.org', ttl: 60, data: '203.0.113.7' }] });
  const clusters = { first: new FakeCluster(firstRecords), second: new FakeCluster(secondRecords) };
  const shared = { formerServers: [former.endpoint] };
  const first = await startServer({ ...shared, cluster: clusters.first, exemptPorts: firstPorts });
  const second = await startServer({
    ...shared,
    cluster: clusters.second,
    exemptPorts: secondPorts,
    connectedNamespace: 'shop',
    namespaces: () => new Set(['shop']),
  });
  const endpoint = (server: typeof first) => `127.0.0.1:${server.address()?.port}`;
  first.update({ peers: [{ server: endpoint(second), ports: secondPorts }] });
  second.update({ peers: [{ server: endpoint(first), ports: firstPorts }] });
  return {
    first,
    second,
    former,
    clusters,
    [Symbol.asyncDispose]: async () => {
      await Promise.all([first.stop(), second.stop(), former[Symbol.asyncDispose]()]);
    },
  };
}

describe('two connections at once', () => {
  it('answer for each other, whichever the laptop asks', async () => {
    await using bed = await startTwo(
      [record('web.dev.svc.cluster.local', '10.96.0.1')],
      [record('cart.shop.svc.cluster.local', '10.97.0.1')],
    );
    expect((await ask(bed.first, 'cart.shop')).answers).toMatchObject([{ name: 'cart.shop', data: '10.97.0.1' }]);
    expect((await ask(bed.first, 'cart')).answers).toMatchObject([{ data: '10.97.0.1' }]);
    expect((await ask(bed.first, 'cart.tel2-search')).answers).toMatchObject([{ data: '10.97.0.1' }]);
    expect((await ask(bed.first, 'cart.shop.svc.cluster.local')).answers).toMatchObject([{ data: '10.97.0.1' }]);
    expect((await ask(bed.second, 'web.dev')).answers).toMatchObject([{ data: '10.96.0.1' }]);
    const [overTcp] = await exchangeTcp(bed.first, [queryBytes('cart.shop')]);
    expect(decode(overTcp ?? Buffer.alloc(0)).answers).toMatchObject([{ data: '10.97.0.1' }]);
    expect(bed.former.asked).toEqual([]);
  });

  it('give a name that both have the address of the one that is asked', async () => {
    await using bed = await startTwo(
      [record('api.dev.svc.cluster.local', '10.96.0.1')],
      [record('api.dev.svc.cluster.local', '10.97.0.1')],
    );
    expect((await ask(bed.first, 'api.dev.svc.cluster.local')).answers).toMatchObject([{ data: '10.96.0.1' }]);
    expect(bed.clusters.second.asked).toEqual([]);
  });

  it('ask the former name server once for what neither has, and deny what only a cluster can have', async () => {
    await using bed = await startTwo([], []);
    expect((await ask(bed.first, 'www.example.org')).answers).toMatchObject([{ data: '203.0.113.7' }]);
    expect(bed.former.asked).toHaveLength(1);
    expect(await ask(bed.first, 'none.dev.svc')).toMatchObject({ rcode: 'NXDOMAIN' });
    expect(bed.former.asked).toHaveLength(1);
  });

  it('do not deny a name while a cluster that might have it cannot be asked', async () => {
    await using bed = await startTwo([], []);
    bed.clusters.second.before = async () => await Promise.reject(new Error('unreachable'));
    expect(await ask(bed.first, 'cart.shop.svc.cluster.local')).toMatchObject({ rcode: 'SERVFAIL' });
  });

  it('see by a look-up of their own that they are asked', async () => {
    await using bed = await startTwo([], []);
    using expected = bed.second.expectQuestion('tel2-search');
    expect(await ask(bed.first, expected.name)).toMatchObject({ rcode: 'NOERROR' });
    await expected.arrived;
  });

  it('go on without the other when it ends', async () => {
    await using bed = await startTwo([], [record('cart.shop.svc.cluster.local', '10.97.0.1')]);
    bed.first.update({ peers: [] });
    expect(await ask(bed.first, 'cart.shop.svc.cluster.local')).toMatchObject({ rcode: 'NXDOMAIN' });
  });
});
