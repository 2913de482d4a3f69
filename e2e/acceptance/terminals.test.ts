import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import type { LogSource } from '#protocol/local-api/log-api.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { clientProgram } from '../support/client-program.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { Following, followState, type OpenedApi, openApi } from '../support/local-api.ts';
import { productProcesses } from '../support/product.ts';
import { missingForProduct, titled } from '../support/settings.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';

const missing = missingForProduct();
const size = { columns: 100, rows: 30 };

/** Answers with what it is called, and says what it was asked. */
const program = `require('node:http').createServer((request, response) => {
  console.log('asked for ' + request.url);
  response.end('pod ' + process.env.SHOP_NAME);
}).listen(8080, '::');`;

/** Programs that the daemon runs for its clients: terminals, and handlers of intercepts. */
describe.skipIf(missing !== undefined)(titled('terminals', missing), () => {
  let bed: Bed;
  let client: OpenedApi;
  let state: DaemonState | undefined;
  const others: OpenedApi[] = [];
  const ask = async () => await askHttp(await bed.cluster.clusterIp(bed.world.namespace, 'shop'), 80, '/x', 2_000);

  beforeAll(async () => {
    bed = await createBed('terminals', { isWorldEmpty: true });
    const { cluster, world, product } = bed;
    const { namespace } = world;
    const env = [{ name: 'SHOP_NAME', value: 'corner shop' }];
    const ports = [{ name: 'http', port: 8080 }];
    await cluster.apply([
      programConfigMap(namespace, 'shop', program),
      deployment(namespace, 'shop', { ports, env, readiness: { httpGet: { path: '/ready', port: 8080 } } }),
      service(namespace, 'shop', [{ name: 'http', port: 80, targetPort: 'http' }]),
    ]);
    await cluster.readyPods(namespace, 'shop');
    await product.quit();
    await product.connect();
    await follow();
  });
  afterEach(async () => {
    for (const other of others.splice(0)) other.kill();
    await bed.product.run(['leave', 'shop']);
  });
  afterAll(async () => {
    client?.kill();
    await bed?.close();
  });

  /** Looks at the daemon that there is now. */
  async function follow(): Promise<void> {
    client = await openApi(bed.laptop);
    followState(client.api, (latest) => {
      state = latest;
    });
  }

  async function another(): Promise<OpenedApi> {
    const other = await openApi(bed.laptop);
    others.push(other);
    return other;
  }

  /** What a client sees of a terminal, as it comes. */
  function look({ api }: OpenedApi, id: string) {
    const following = new Following<CallEvent<'attachTerminal'>>((options) => api.subscribe('attachTerminal', { id }, options));
    const text = () => following.events.map((event) => ('data' in event ? event.data : '')).join('');
    const shows = async (part: string | RegExp) =>
      await eventually(`the terminal shows ${part}`, () => expect(text()).toMatch(part), { timeoutMs: 10_000, intervalMs: 50 });
    return { following, text, shows };
  }

  async function tail(source: LogSource): Promise<() => string> {
    const other = await another();
    const following = new Following<CallEvent<'tailLog'>>((options) =>
      other.api.subscribe('tailLog', { source, history: 1_000 }, options),
    );
    return () => following.events.flatMap(({ lines }) => lines.map(({ text }) => text)).join('\n');
  }

  async function intercept(command: string): Promise<void> {
    const handler = { command, directory: bed.laptop.home, environment: {} };
    await client.api.call('intercept', {
      request: { name: 'shop', ports: [{ laptopPort: 8080, identifier: 'http' }], toPod: [], handler },
    });
  }

  const handler = () => Object.values(state?.engagements ?? {})[0]?.process;

  it('knows the names of the cluster, outlives its clients, and tells its exit code', async () => {
    const first = await another();
    const { terminal } = await first.api.call('openTerminal', { ...size, command: ['bash', '--norc'] });
    const { id } = terminal;
    expect(terminal).toMatchObject({ directory: bed.laptop.home, connection: `e2e-${bed.world.namespace}` });
    const view = look(first, id);
    await first.api.call('writeTerminal', { id, data: 'curl -s http://shop; echo " code $?"\n' });
    await view.shows(/pod corner shop code 0/);
    await first.api.call('writeTerminal', { id, data: 'stty size\n' });
    await view.shows(/30 100/);
    first.kill();

    const second = await another();
    const again = look(second, id);
    await again.shows(/pod corner shop code 0[^]*30 100/);
    await second.api.call('resizeTerminal', { id, columns: 80, rows: 24 });
    await second.api.call('writeTerminal', { id, data: 'stty size; exit 7\n' });
    await again.shows(/24 80/);
    await eventually('the exit code shows', () => expect(state?.terminals[id]).toMatchObject({ exitCode: 7 }));
    expect(again.following.events.at(-1)).toEqual({ kind: 'exit', exitCode: 7 });
    await second.api.call('closeTerminal', { id });
    await eventually('every client knows', () => expect(state?.terminals).toEqual({}));
    await expect(second.api.call('writeTerminal', { id, data: 'x' })).rejects.toMatchObject({ code: 'not-found' });
  });

  it('has the environment of an intercept, and ends with its programs when it is closed', async () => {
    await intercept('sleep 600');
    const { terminal } = await client.api.call('openTerminal', { ...size, engagement: 'shop', command: ['bash', '--norc'] });
    expect(terminal).toMatchObject({ engagement: 'shop' });
    const view = look(client, terminal.id);
    await client.api.call('writeTerminal', { id: terminal.id, data: 'echo "at $SHOP_NAME, $HOME"; sleep 4321\n' });
    await view.shows(`at corner shop, ${bed.laptop.home}`);
    await eventually('its program runs', async () => {
      expect((await bed.laptop.processes()).map(({ command }) => command)).toContain('sleep 4321');
    });
    await client.api.call('closeTerminal', { id: terminal.id });
    expect((await bed.laptop.processes()).map(({ command }) => command)).not.toContain('sleep 4321');
    expect(state?.terminals).toEqual({});
    await expect(client.api.call('openTerminal', { ...size, engagement: 'cart' })).rejects.toMatchObject({
      code: 'engagement.not-found',
    });
  });

  it('a handler that the daemon runs answers the cluster, is restarted and stopped, and its log is there', async () => {
    await intercept(`echo begins; exec ${clientProgram('handler').join(' ')} --name "$SHOP_NAME" 8080`);
    await eventually('the handler answers', async () => expect(await ask()).toBe('corner shop 8080 /x'), { timeoutMs: 10_000 });
    const log = await tail({ kind: 'handler', engagement: 'shop' });
    await eventually('its log is there', () => expect(log()).toMatch(/begins\nready/));
    const before = handler()?.state;
    await client.api.call('restartHandler', { name: 'shop' });
    expect(handler()).toMatchObject({ restarts: 1, state: { kind: 'running' } });
    expect(handler()?.state).not.toMatchObject({ pid: before?.kind === 'running' ? before.pid : 0 });
    await eventually('it answers again', async () => expect(await ask()).toBe('corner shop 8080 /x'), { timeoutMs: 10_000 });
    await eventually('its log goes on', () => expect(log()).toMatch(/ready[^]*begins\nready/));

    await client.api.call('stopHandler', { name: 'shop' });
    await eventually('it is stopped', () => expect(handler()?.state).toMatchObject({ kind: 'exited' }));
    expect((await bed.laptop.processes()).filter(({ command }) => command.includes('clients/handler'))).toEqual([]);
    await client.api.call('restartHandler', { name: 'shop' });
    await eventually('it answers once more', async () => expect(await ask()).toBe('corner shop 8080 /x'), { timeoutMs: 10_000 });
    await client.api.call('leave', { name: 'shop' });
    expect((await bed.laptop.processes()).filter(({ command }) => command.includes('clients/handler'))).toEqual([]);
    await eventually('the pod answers', async () => expect(await ask()).toBe('pod corner shop'));
  });

  it('runs the handler again, once, when the daemon was killed', async () => {
    await intercept(`exec ${clientProgram('handler').join(' ')} 8080`);
    await eventually('the handler answers', async () => expect(await ask()).toBe('laptop 8080 /x'));
    await bed.laptop.signal('SIGKILL', productProcesses.daemon);
    await bed.product.run(['list-namespaces']);
    await bed.product.waitForState('on', 15_000);
    await follow();
    await eventually('the handler answers again', async () => expect(await ask()).toBe('laptop 8080 /x'));
    expect(handler()?.state).toMatchObject({ kind: 'running' });
    expect((await bed.laptop.processes()).filter(({ command }) => command.includes('clients/handler'))).toHaveLength(1);
  });

  it('shows how a handler ended, and logs of pods, agents and the traffic-manager', async () => {
    await intercept('echo broken >&2; exit 3');
    await eventually('it has ended', () => expect(handler()?.state).toMatchObject({ kind: 'exited', exitCode: 3 }));
    const log = await tail({ kind: 'handler', engagement: 'shop' });
    await eventually('its log tells', () => expect(log()).toMatch(/broken\nThe handler ended with exit code 3/));
    await client.api.call('leave', { name: 'shop' });
    const { sources } = await client.api.call('listLogSources', { workload: 'shop' });
    const { namespace } = bed.world;
    const pod = (await bed.cluster.readyPods(namespace, 'shop'))[0]?.metadata.name ?? '';
    expect(sources).toEqual(
      expect.arrayContaining([
        { kind: 'pod', namespace, pod, container: 'shop' },
        { kind: 'agent', namespace, pod },
        { kind: 'manager' },
        { kind: 'daemon' },
      ]),
    );
    const [ofPod, ofAgent, ofManager] = await Promise.all([
      tail({ kind: 'pod', namespace, pod, container: 'shop' }),
      tail({ kind: 'agent', namespace, pod }),
      tail({ kind: 'manager' }),
    ]);
    await ask();
    await eventually('the request shows', () => expect(ofPod()).toContain('asked for /x'));
    for (const text of [ofAgent, ofManager]) await eventually('there are lines', () => expect(text()).not.toBe(''));
  });
});
