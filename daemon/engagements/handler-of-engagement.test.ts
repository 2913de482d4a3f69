import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { freePort } from '#net/testing/free-port.ts';
import type { Engagement } from '#protocol/local-api/model.ts';
import { HealthConditions } from '../connection/health-conditions.ts';
import { handlerFiles } from '../handlers/handler-log.ts';
import type { ClusterSession } from '../link/cluster-session.ts';
import { FakeCluster } from '../link/testing/fake-cluster.ts';
import { FakeManager } from '../link/testing/fake-manager.ts';
import { laptopSession } from '../link/testing/laptop-session.ts';
import { TrafficRecorder } from '../traffic/traffic-recorder.ts';
import { Engagements } from './engagements.ts';
import { FakeIntercepts } from './testing/fake-intercepts.ts';

const soon = { timeout: 10_000, interval: 20 };

/** Greets whoever has said all. */
const greeter =
  "require('node:net').createServer({ allowHalfOpen: true }, (s) => s.resume().on('end', () => s.end(process.env.GREETING))).listen(process.env.PORT)";

describe('the handler that the daemon runs for an engagement', () => {
  let directory: string;
  let cluster: FakeCluster;
  let manager: FakeManager;
  let fake: FakeIntercepts;
  let session: ClusterSession;
  let engagements: Engagements;
  let shown: Map<string, Engagement>;
  let stages: string[];
  let onShown: (engagement: Engagement) => void;

  const filesOf = (name: string) => handlerFiles({ log: directory, runtime: directory }, 'one', name);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'handler-of-engagement-'));
    shown = new Map();
    stages = [];
    onShown = () => undefined;
    fake = new FakeIntercepts();
    cluster = new FakeCluster();
    await cluster.start();
    manager = new FakeManager({ service: fake.service });
    manager.onTunnel = (tunnel, info) => {
      if (!fake.join(tunnel, info)) tunnel.destroy();
    };
    cluster.port = await manager.start();
    session = laptopSession(cluster);
    engagements = new Engagements({
      traffic: new TrafficRecorder(),
      connection: 'one',
      namespace: 'default',
      owner: 'dev@laptop',
      session,
      dialer: session,
      file: join(directory, 'engagements.json'),
      activeTimeoutMs: () => 5_000,
      handlerFiles: filesOf,
      logger: silentLogger,
      health: new HealthConditions('one', () => undefined),
      onChanged: (name, engagement) => {
        if (engagement === undefined) return void shown.delete(name);
        shown.set(name, engagement);
        onShown(engagement);
      },
    });
    await session.start(AbortSignal.timeout(10_000), () => undefined);
    engagements.start();
  });

  afterEach(async () => {
    await engagements.stop();
    await session.stop();
    await manager.stop();
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const intercept = async (command: string, folder = directory) => {
    const laptopPort = await freePort();
    const environment = { PORT: String(laptopPort), GREETING: 'hello' };
    const handler = { command, directory: folder, environment };
    const request = { name: 'shop', ports: [{ laptopPort }], toPod: [], handler };
    const { engagement } = await engagements.intercept(request, (stage) => stages.push(stage), AbortSignal.timeout(15_000));
    return { engagement, laptopPort };
  };

  it('listens when the intercept has begun, and is gone when it is left', async () => {
    const { engagement, laptopPort } = await intercept(`exec '${process.execPath}' -e "${greeter}"`);
    expect(engagement).toMatchObject({ handler: 'listening', process: { restarts: 0, state: { kind: 'running' } } });
    expect(stages).toContain('Starting the handler');
    const caller = await fake.call({ port: laptopPort });
    await caller.dialled;
    caller.end('?');
    expect(await text(caller)).toBe('hello');
    const state = engagement.process?.state;
    if (state?.kind !== 'running') throw new Error('It does not run');
    await engagements.leave('shop');
    expect(() => process.kill(state.pid, 0)).toThrow('ESRCH');
    expect(existsSync(filesOf('shop').record)).toBe(false);
  });

  it('shows that it has ended, and starts again on request', async () => {
    const { engagement } = await intercept('echo nothing to do; exit 4');
    expect(engagement).toMatchObject({ handler: 'not-listening', process: { state: { kind: 'exited', exitCode: 4 } } });
    await expect.poll(() => readFileSync(filesOf('shop').log, 'utf8'), soon).toContain('nothing to do');
    await engagements.get('shop').process().restart();
    await expect.poll(() => shown.get('shop')?.process, soon).toMatchObject({ restarts: 1, state: { kind: 'exited' } });
    await engagements.leave('shop');
    expect(existsSync(filesOf('shop').log)).toBe(false);
  });

  it('is not missed while it starts again', async () => {
    const slow = `sleep 0.5; exec '${process.execPath}' -e "${greeter}"`;
    const { engagement } = await intercept(slow);
    expect(engagement.handler).toBe('listening');
    const seen: unknown[] = [];
    onShown = ({ handler, process: { state } = {} as NonNullable<Engagement['process']> }) => seen.push([handler, state.kind]);
    await engagements.get('shop').process().restart();
    await expect.poll(() => seen.at(-1), soon).toEqual(['listening', 'running']);
    expect(seen).toContainEqual(['unknown', 'running']);
    expect(seen).not.toContainEqual(['not-listening', 'running']);
  });

  it('is not missed at once where whoever asked starts it', async () => {
    const laptopPort = await freePort();
    const request = { name: 'shop', ports: [{ laptopPort }], toPod: [], handlerFollows: true as const };
    const { engagement } = await engagements.intercept(request, () => undefined, AbortSignal.timeout(15_000));
    expect(engagement.handler).toBe('unknown');
    const caller = await fake.call({ port: laptopPort });
    await once(caller, 'close');
    expect(shown.get('shop')?.handler).toBe('unknown');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(laptopPort, '127.0.0.1', resolve));
    await expect.poll(() => shown.get('shop')?.handler, soon).toBe('listening');
    await new Promise((resolve) => server.close(resolve));
  });

  it('is missed where whoever asked has not started it', { timeout: 20_000 }, async () => {
    const request = { name: 'shop', ports: [{ laptopPort: await freePort() }], toPod: [], handlerFollows: true as const };
    await engagements.intercept(request, () => undefined, AbortSignal.timeout(15_000));
    await expect.poll(() => shown.get('shop')?.handler, { timeout: 15_000, interval: 50 }).toBe('not-listening');
  });

  it('leaves no intercept behind where it cannot be started', async () => {
    await expect(intercept('true', '/nowhere')).rejects.toMatchObject({ code: 'engagement.handler' });
    expect(shown.size).toBe(0);
    expect(fake.intercepts.size).toBe(0);
  });

  it('is there only where one was asked for', async () => {
    const request = { name: 'shop', ports: [{ laptopPort: await freePort() }], toPod: [] };
    await engagements.intercept(request, () => undefined, AbortSignal.timeout(15_000));
    expect(() => engagements.get('shop').process()).toThrow('has no handler');
    expect(() => engagements.get('cart')).toThrow('There is no intercept "cart"');
  });
});
