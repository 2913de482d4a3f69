import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Laptop } from '../laptop/laptop.ts';
import { Relay } from '../laptop/relay.ts';
import { askDns, clientProgram, runClient, tryConnect } from '../support/client-program.ts';
import { Cluster } from '../support/cluster.ts';
import { eventually } from '../support/eventually.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { objectSnapshot } from '../support/object-snapshot.ts';
import { connectRules, createOrdinaryUser } from '../support/ordinary-user.ts';
import { mustRun } from '../support/program.ts';
import { missingForBed, settings, titled } from '../support/settings.ts';
import { createPostgres } from '../workloads/postgres.ts';
import { createWorld, streamPorts, type World } from '../workloads/world.ts';

const missing = missingForBed();

/** That of the cluster, or one in PATH. */
const ownKubectl = join(settings.clusterState, 'bin/kubectl');
const kubectl = existsSync(ownKubectl) ? ownKubectl : 'kubectl';

/** The bed without the product: what a test may rely on when it says that something went through it. */
describe.skipIf(missing !== undefined)(titled('test bed', missing), () => {
  let cluster: Cluster;
  let laptop: Laptop;
  let world: World;

  beforeAll(async () => {
    cluster = Cluster.fromSettings();
    laptop = await Laptop.create({ reaches: [cluster.server.host] });
    world = await createWorld(cluster, 'bed');
  });
  afterAll(async () => {
    await world?.remove();
    await laptop?.close();
    cluster?.close();
  });

  it('lets the laptop reach the API server and nothing in the cluster', async () => {
    expect(await tryConnect(laptop, cluster.server.host, cluster.server.port)).toMatchObject({ outcome: 'connected' });
    for (const host of [world.webPods[0]?.ip ?? '', await cluster.clusterIp(world.namespace, 'web')]) {
      expect(await tryConnect(laptop, host, 80, 1_000)).toMatchObject({ outcome: 'ENETUNREACH' });
    }
  });

  it('gives the laptop a name server, and an ordinary user with a home', async () => {
    const [reply] = await askDns(laptop, 'example.com', 'A');
    expect(reply).toMatchObject({ rcode: 'NOERROR', answers: [{ data: '192.0.2.80' }] });
    expect((await laptop.must(['getent', 'hosts', 'intranet.corp'])).split(/\s+/)[0]).toBe('192.0.2.90');
    expect(laptop.nameServer.wasAsked('intranet.corp')).toBe(true);
    expect(await laptop.must(['id', '-un'])).toBe('dev\n');
    expect(await laptop.must(['sh', '-c', 'touch ~/x && ls -ld ~ | cut -c1-10'])).toMatch(/^d/);
  });

  it('runs what the user starts by sudo as root, with its output and exit code', async () => {
    const outcome = await laptop.run(['sudo', '-n', 'sh', '-c', 'id -u; echo $SUDO_UID; exit 3']);
    expect(outcome).toMatchObject({ stdout: `0\n${laptop.uid}\n`, code: 3 });
  });

  it('keeps what programs do to resolv.conf on the laptop, even by rename', async () => {
    const before = await mustRun(['cat', '/etc/resolv.conf']);
    await laptop.must(['sh', '-c', 'cp /etc/resolv.conf /etc/new && echo "# x" >>/etc/new && mv /etc/new /etc/resolv.conf'], {
      as: 'root',
    });
    expect(await laptop.must(['cat', '/etc/resolv.conf'])).toContain('# x');
    expect(await mustRun(['cat', '/etc/resolv.conf'])).toBe(before);
    await laptop.must(['sed', '-i', '/# x/d', '/etc/resolv.conf'], { as: 'root' });
  });

  it('tells what a program left behind', async () => {
    const before = await laptop.snapshot();
    expect(await laptop.snapshot()).toEqual(before);
    const sleeper = laptop.spawn(['sleep', '1000']);
    await laptop.must(['sh', '-c', 'ip rule add from 1.2.3.4 table 7; nft add table ip leftover; touch /run/leftover'], {
      as: 'root',
    });
    await eventually('the sleeper shows', async () => {
      expect((await laptop.snapshot())['processes']).toContain('sleep 1000');
    });
    const after = await laptop.snapshot();
    const changed = Object.keys(after).filter((name) => JSON.stringify(after[name]) !== JSON.stringify(before[name]));
    expect(changed.toSorted()).toEqual(['files in /run', 'nft ruleset', 'processes', 'rules']);
    sleeper.kill('SIGKILL');
    await laptop.must(['sh', '-c', 'ip rule del from 1.2.3.4 table 7; nft delete table ip leftover; rm /run/leftover'], {
      as: 'root',
    });
  });

  it('has workloads that do what they say, seen through kubectl port-forward from the laptop', async () => {
    await laptop.writeFile(
      '.kube/config',
      kubeconfigText({ real: { cluster: cluster.context.cluster, user: cluster.context.user } }),
    );
    const ports = [streamPorts.echo, streamPorts.source, streamPorts.http2, streamPorts.webSocket];
    const forward = laptop.spawn([kubectl, '-n', world.namespace, 'port-forward', 'deploy/streams', ...ports.map(String)]);
    await eventually('the forward listens', async () => {
      expect(await tryConnect(laptop, '127.0.0.1', streamPorts.echo)).toMatchObject({ outcome: 'connected' });
    });
    expect(await runClient(laptop, 'bulk', ['download', '127.0.0.1', streamPorts.source, 20_000_000])).toMatchObject({
      intact: 1,
    });
    expect(await runClient(laptop, 'http2-streams', [`http://127.0.0.1:${streamPorts.http2}`, 5, 5])).toEqual({
      streams: 5,
      whole: 5,
    });
    expect(await runClient(laptop, 'web-socket', [`ws://127.0.0.1:${streamPorts.webSocket}`, 100])).toMatchObject({
      before: true,
      after: true,
    });
    forward.kill('SIGTERM');
  });

  // kubectl's port-forward passes no half-close and no datagrams on; the node reaches pods by itself.
  it('has workloads that half-close, close first and answer datagrams, seen from the node', async () => {
    const host = world.streamsIp;
    const client = async (...argv: readonly (string | number)[]) =>
      JSON.parse(await mustRun(clientProgram(String(argv[0]), ...argv.slice(1)))) as object;
    expect(await client('bulk', 'upload', host, streamPorts.sink, 20_000_000, 2)).toMatchObject({ intact: 2 });
    expect(await client('half-close', host, streamPorts.echo, streamPorts.halfClosed, 'token-1')).toEqual({
      echoed: 'token-1',
      greeting: 'hello\n',
    });
    const received = await (await fetch(`http://${host}:${streamPorts.control}/received`)).json();
    expect(received).toContain('token-1');
    expect(await client('source-port', host, streamPorts.goodbye, 20)).toEqual({ answered: 20 });
    expect(await client('udp-echo', host, streamPorts.echo, 10, 1200)).toEqual({ sent: 10, equal: 10 });
    expect(await client('many-connections', host, streamPorts.echo, 300, 100)).toEqual({ opened: 300, answered: 300 });
  });

  it('can make the way to the API server silent, refused and well again', async () => {
    const relay = new Relay(cluster.server);
    await relay.listen(laptop.gateway);
    const user = await createOrdinaryUser(cluster, 'dev', world.namespace, { [world.namespace]: connectRules });
    const server = `https://${relay.address.host}:${relay.address.port}`;
    const through = { ...cluster.context.cluster, server, 'tls-server-name': 'kubernetes' };
    await laptop.writeFile('.kube/config', kubeconfigText({ real: { cluster: through, user, namespace: world.namespace } }));
    const list = async () => (await laptop.run([kubectl, 'get', 'pods', '--request-timeout=2s'], { timeoutMs: 15_000 })).code;
    expect(await list()).toBe(0);
    expect((await laptop.run([kubectl, 'get', 'secrets'])).stderr).toContain('forbidden');
    relay.blackhole();
    expect(await list()).not.toBe(0);
    await relay.heal();
    expect(await list()).toBe(0);
    await relay.refuse();
    expect((await laptop.run([kubectl, 'get', 'pods'])).stderr).toMatch(/refused/);
    await relay.close();
  });

  it("changes the laptop's address, freezes and thaws its programs", async () => {
    const old = laptop.address;
    await laptop.changeAddress();
    expect(laptop.address).not.toBe(old);
    expect(await tryConnect(laptop, cluster.server.host, cluster.server.port)).toMatchObject({ outcome: 'connected' });
    const clock = laptop.spawn(['sh', '-c', 'while :; do echo tick; sleep 0.1; done']);
    let ticks = 0;
    clock.stdout?.on('data', () => {
      ticks += 1;
    });
    await eventually('ticks', () => expect(ticks).toBeGreaterThan(2));
    await laptop.freeze();
    const states = async () =>
      await Promise.all(
        (await laptop.processes()).map(async ({ pid }) => (await mustRun(['ps', '-o', 'stat=', '-p', String(pid)])).trim()[0]),
      );
    await eventually('everything stops', async () => expect(new Set(await states())).toEqual(new Set(['T'])));
    const frozenAt = ticks;
    await laptop.thaw();
    await eventually('ticks again', () => expect(ticks).toBeGreaterThan(frozenAt));
    clock.kill('SIGKILL');
  });

  it('serves PostgreSQL, and every kind of object is in a snapshot', async () => {
    await createPostgres(cluster, world.namespace);
    const [pod] = await cluster.readyPods(world.namespace, 'postgres');
    const answer = await eventually(
      'an answer',
      async () => await mustRun(['psql', '-h', pod?.status.podIP ?? '', '-U', 'postgres', '-Atc', 'select 6 * 7']),
    );
    expect(answer).toBe('42\n');
    const objects = await objectSnapshot(cluster.kube);
    expect(objects).toContain(`deployments ${world.namespace}/postgres`);
    expect(objects).toContain(`namespaces ${world.namespace}`);
    expect(objects.some((object) => object.startsWith('clusterroles '))).toBe(true);
  });
});
