import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { LogLine } from '#protocol/local-api/log-api.ts';
import type { Connection, ConnectRequest, Engagement } from '#protocol/local-api/model.ts';
import type { Connections } from '../connection/connections.ts';
import { type GatherOptions, gatherLogs, previewLogs } from './gather-logs.ts';
import { listLogSources } from './log-sources.ts';
import { tailLog } from './tail-log.ts';

const soon = { timeout: 10_000, interval: 20 };

const pod = (name: string, namespace: string, containers: string[], owner = '') => ({
  metadata: {
    name,
    namespace,
    creationTimestamp: '2026-01-01T00:00:00Z',
    managedFields: [{ manager: 'kubelet' }],
    ...(owner === '' ? {} : { ownerReferences: [{ kind: 'ReplicaSet', name: owner, controller: true }] }),
  },
  spec: { containers: containers.map((container) => ({ name: container, env: [{ name: 'API_TOKEN', value: 'hidden' }] })) },
});

/** As much of the Kubernetes API as logs need. */
class LogApi {
  readonly pods = [
    pod('traffic-manager-1', 'ambassador', ['traffic-manager']),
    pod('shop-5d8f-abc', 'prod', ['app', 'traffic-agent'], 'shop-5d8f'),
    pod('cart-77aa-xyz', 'prod', ['app', 'traffic-agent'], 'cart-77aa'),
    pod('plain-1', 'prod', ['app']),
  ];
  readonly logs = new Map<string, string[]>([
    ['traffic-manager-1', ['manager says shop-5d8f-abc.prod is there', 'Authorization: Bearer abc']],
    ['shop-5d8f-abc', ['agent of shop-5d8f-abc in prod, not in prod-2']],
  ]);
  readonly queries: URLSearchParams[] = [];
  readonly followers = new Map<string, ServerResponse>();
  mayListAll = true;
  readonly server: Server = createServer((request, response) => this.#serve(request, response));

  #serve(request: IncomingMessage, response: ServerResponse): void {
    const url = new URL(request.url ?? '/', 'http://x');
    const send = (value: unknown, status = 200) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    const [, , , , namespace, , name, sub] = url.pathname.split('/');
    if (url.pathname.endsWith('/services/traffic-manager')) return void send({ spec: { selector: { app: 'traffic-manager' } } });
    if (url.pathname.endsWith('/replicasets')) {
      const set = (setName: string, owner: string) => ({
        metadata: { name: setName, namespace: 'prod', ownerReferences: [{ kind: 'Deployment', name: owner, controller: true }] },
      });
      return void send({ items: [set('shop-5d8f', 'shop'), set('cart-77aa', 'cart')] });
    }
    if (url.pathname === '/api/v1/pods') {
      return void (this.mayListAll ? send({ items: this.pods }) : send({ reason: 'Forbidden', message: 'no' }, 403));
    }
    if (name === undefined) {
      const isManager = url.searchParams.get('labelSelector') !== null;
      return void send({
        items: this.pods.filter(
          ({ metadata }) => metadata.namespace === namespace && (!isManager || metadata.name.startsWith('traffic-manager')),
        ),
      });
    }
    const found = this.pods.find(({ metadata }) => metadata.name === name);
    if (found === undefined) return void send({ reason: 'NotFound', message: 'gone' }, 404);
    if (sub !== 'log') return void send(found);
    this.queries.push(url.searchParams);
    const lines = this.logs.get(name);
    if (lines === undefined) return void send({ reason: 'BadRequest', message: 'container is waiting to start' }, 400);
    const since = url.searchParams.get('sinceTime')?.slice(0, 19) ?? '';
    const told = lines
      .filter((line) => line.slice(0, 19) >= since)
      .slice(url.searchParams.has('tailLines') ? -Number(url.searchParams.get('tailLines')) : 0);
    response.write(told.map((line) => `${line}\n`).join(''));
    if (url.searchParams.get('follow') === 'true') this.followers.set(name, response);
    else response.end();
  }

  log(name: string, line: string): void {
    this.logs.get(name)?.push(line);
    this.followers.get(name)?.write(`${line}\n`);
  }
}

describe('logs of a cluster', () => {
  let directory: string;
  let api: LogApi;
  let stop: AbortController;
  const laptop = () => ({ paths: { logDirectory: join(directory, 'logs'), helperInstance: 'none' }, env: {} });
  const connections = {
    isEmpty: false,
    target: () => {
      const request = { kubeFlags: { kubeconfig: join(directory, 'config') } } as ConnectRequest;
      const connection = {
        name: 'one',
        server: 'http://x',
        namespace: 'prod',
        mappedNamespaces: [],
        managerNamespace: 'ambassador',
      };
      return { request, connection: connection as unknown as Connection };
    },
  };
  const none = {
    isEmpty: true,
    target: (): never => {
      throw new AppError({ code: 'connection.none', message: 'Not connected' });
    },
  };

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'cluster-logs-'));
    api = new LogApi();
    stop = new AbortController();
    await new Promise<void>((resolve) => api.server.listen(0, '127.0.0.1', resolve));
    const server = `http://127.0.0.1:${(api.server.address() as AddressInfo).port}`;
    const config = {
      'current-context': 'x',
      clusters: [{ name: 'x', cluster: { server } }],
      users: [{ name: 'x', user: {} }],
      contexts: [{ name: 'x', context: { cluster: 'x', user: 'x' } }],
    };
    writeFileSync(join(directory, 'config'), JSON.stringify(config));
    mkdirSync(join(directory, 'logs'));
    writeFileSync(join(directory, 'logs', 'daemon.log'), '{"level":"info","msg":"connected to prod","token":"abc"}\n');
    writeFileSync(join(directory, 'logs', 'connection-one.log'), 'one: pod shop-5d8f-abc, password=hunter2\n');
  });

  afterEach(() => {
    stop.abort();
    api.server.closeAllConnections();
    api.server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const file = () => join(directory, 'out.zip');
  const gather = async (
    change: Partial<CallInput<'gatherLogs'>> = {},
    from: Pick<Connections, 'target' | 'isEmpty'> = connections,
  ) => await gatherLogs({ outputFile: file(), ...choice, ...change }, gatherOptions(from));
  const preview = async (change: Partial<CallInput<'previewLogs'>> = {}) =>
    await previewLogs({ ...choice, ...change }, gatherOptions(connections));
  const choice: CallInput<'previewLogs'> = {
    daemons: ['user'],
    trafficManager: true,
    trafficAgents: 'all',
    anonymize: false,
    podYaml: false,
  };
  const gatherOptions = (from: Pick<Connections, 'target' | 'isEmpty'>): GatherOptions => ({
    laptop: laptop(),
    connections: from,
    connectionNames: from.isEmpty ? [] : ['one'],
    stage: () => undefined,
    signal: stop.signal,
  });
  const unzipped = () => {
    const script =
      'import zipfile,sys,json; z=zipfile.ZipFile(sys.argv[1]); print(json.dumps({n: z.read(n).decode() for n in z.namelist()}))';
    return JSON.parse(execFileSync('python3', ['-c', script, file()]).toString()) as Record<string, string>;
  };

  it('can be looked at before they are written: the same entries and sizes, with lines as they would be', async () => {
    const before = readdirSync(directory);
    const { entries, problems } = await preview();
    expect(readdirSync(directory)).toEqual(before);
    const written = await gather();
    expect(entries.map(({ name, bytes }) => ({ name, bytes }))).toEqual(written.entries);
    expect(problems).toEqual(written.problems);
    expect(entries.find(({ name }) => name.startsWith('traffic-manager'))).toEqual({
      name: 'traffic-manager-1.ambassador.log',
      bytes: 67,
      lines: 2,
      changedLines: 1,
      sample: ['manager says shop-5d8f-abc.prod is there', 'Authorization: [redacted]'],
    });
    const anonymous = await preview({ anonymize: true });
    expect(JSON.stringify(anonymous)).not.toMatch(/shop-5d8f|prod(?!-2)/);
    expect(anonymous.entries.some(({ changedLines }) => changedLines > 1)).toBe(true);
  });

  it('are gathered into a private zip file, without secrets, and with a file for each that cannot be read', async () => {
    const { entries, problems } = await gather();
    const files = unzipped();
    expect(Object.keys(files)).toEqual([
      'connection-one.log',
      'daemon.log',
      'traffic-manager-1.ambassador.log',
      'shop-5d8f-abc.prod.log',
      'cart-77aa-xyz.prod.log-error.txt',
    ]);
    expect(entries.map(({ name }) => name)).toEqual(Object.keys(files));
    expect(files['connection-one.log']).toBe('one: pod shop-5d8f-abc, password=[redacted]\n');
    expect(files['daemon.log']).toContain('"token":"[redacted]"');
    expect(files['traffic-manager-1.ambassador.log']).toBe(
      'manager says shop-5d8f-abc.prod is there\nAuthorization: [redacted]\n',
    );
    expect(files['cart-77aa-xyz.prod.log-error.txt']).toContain('container is waiting to start');
    expect(problems).toHaveLength(1);
    expect(statSync(file()).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('are chosen by the flags', async () => {
    await gather({ daemons: [], trafficManager: false, trafficAgents: 'shop', podYaml: true });
    const files = unzipped();
    expect(Object.keys(files)).toEqual(['shop-5d8f-abc.prod.log', 'shop-5d8f-abc.prod.yaml']);
    expect(files['shop-5d8f-abc.prod.yaml']).toContain('value: "[redacted]"');
    expect(files['shop-5d8f-abc.prod.yaml']).not.toContain('managedFields');
    await gather({ trafficManager: false, trafficAgents: 'none' });
    expect(Object.keys(unzipped())).toEqual(['connection-one.log', 'daemon.log']);
  });

  it('have other names for pods and namespaces everywhere, where that is asked for', async () => {
    await gather({ anonymize: true, podYaml: true });
    const files = unzipped();
    expect(Object.keys(files)).toEqual([
      'connection-1.log',
      'daemon.log',
      'traffic-manager-1.namespace-2.log',
      'traffic-manager-1.namespace-2.yaml',
      'pod-1.namespace-1.log',
      'pod-1.namespace-1.yaml',
      'pod-2.namespace-1.log-error.txt',
      'pod-2.namespace-1.yaml',
    ]);
    expect(files['connection-1.log']).toContain('connection-1: pod pod-1,');
    expect(files['daemon.log']).toContain('connected to namespace-1"');
    expect(files['pod-1.namespace-1.log']).toBe('agent of pod-1 in namespace-1, not in prod-2\n');
    expect(JSON.stringify(files)).not.toMatch(/shop-5d8f-abc|cart-77aa-xyz|ambassador|[^-]\bprod\b(?!-)/);
  });

  it('are those of the laptop where there is no connection', async () => {
    const { problems } = await gather({}, none);
    expect(Object.keys(unzipped())).toEqual(['connection-one.log', 'daemon.log']);
    expect(problems).toEqual(['Not connected to a cluster: only logs of the laptop']);
    await expect(gather({ use: 'x' }, none)).rejects.toMatchObject({ code: 'connection.none' });
    expect(readdirSync(directory).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('come from the connected namespace alone for who may not list all pods', async () => {
    api.mayListAll = false;
    await gather({ daemons: [], trafficManager: false });
    expect(Object.keys(unzipped())).toHaveLength(2);
  });

  it('are listed for the laptop, a namespace and a workload', async () => {
    const list = async (input: CallInput<'listLogSources'>, from: Pick<Connections, 'target' | 'isEmpty'> = connections) =>
      await listLogSources(laptop(), from, [], input, stop.signal, silentLogger);
    expect(await list({}, none)).toEqual([{ kind: 'daemon' }]);
    expect(await list({ workload: 'shop' })).toEqual([
      { kind: 'daemon' },
      { kind: 'manager' },
      { kind: 'pod', namespace: 'prod', pod: 'shop-5d8f-abc', container: 'app' },
      { kind: 'agent', namespace: 'prod', pod: 'shop-5d8f-abc' },
    ]);
    expect(await list({})).toHaveLength(7);
  });

  it('are followed across a broken connection, without a line twice or lost, until the pod is gone', async () => {
    const name = 'plain-1';
    const at = (second: number, text: string) => `2026-01-01T00:00:0${second}.5Z ${text}`;
    api.logs.set(name, [at(1, 'one'), at(1, 'one'), at(2, 'two')]);
    const texts: string[] = [];
    const source = { kind: 'pod' as const, namespace: 'prod', pod: name, container: 'app' };
    const options = { laptop: laptop(), connections, engagements: () => [], signal: stop.signal, logger: silentLogger };
    const done = tailLog(
      { source, history: 2 },
      { ...options, emit: ({ lines }) => texts.push(...lines.map(({ text }) => text)) },
    );
    await expect.poll(() => api.followers.size, soon).toBe(1);
    expect(texts).toEqual(['one', 'two']);
    api.log(name, at(2, 'two again'));
    await expect.poll(() => texts, soon).toEqual(['one', 'two', 'two again']);
    api.followers.get(name)?.destroy();
    api.followers.clear();
    api.logs.get(name)?.push(at(2, 'while away'), at(3, 'three'));
    await expect.poll(() => texts, soon).toEqual(['one', 'two', 'two again', 'while away', 'three']);
    api.log(name, at(3, 'three'));
    await expect.poll(() => texts.length, soon).toBe(6);
    api.pods.splice(0);
    api.followers.get(name)?.destroy();
    await done;
  });

  it('are joined by what the handler of an engagement prints', async () => {
    const path = join(directory, 'logs', 'handler-one-shop.log');
    writeFileSync(path, '2026-01-01T00:00:00.000Z listening\n');
    const engagement = { name: 'shop', connection: 'one', process: {} } as Engagement;
    const lines: LogLine[] = [];
    const options = { laptop: laptop(), connections, engagements: () => [engagement], signal: stop.signal, logger: silentLogger };
    const source = { kind: 'handler' as const, engagement: 'shop' };
    const done = tailLog({ source, history: 10 }, { ...options, emit: (event) => lines.push(...event.lines) });
    await expect.poll(() => lines, soon).toEqual([{ time: '2026-01-01T00:00:00.000Z', text: 'listening' }]);
    appendFileSync(path, '2026-01-01T00:00:01.000Z WARN SECRET_KEY_TOKEN=abc\n');
    await expect.poll(() => lines[1]?.text, soon).toBe('WARN SECRET_KEY_TOKEN=[redacted]');
    const sources = await listLogSources(laptop(), connections, [engagement], {}, stop.signal, silentLogger);
    expect(sources).toContainEqual(source);
    stop.abort();
    await done;
  });

  it('say why there are none', async () => {
    const options = {
      laptop: laptop(),
      connections,
      engagements: () => [],
      emit: () => undefined,
      signal: stop.signal,
      logger: silentLogger,
    };
    const missing = { kind: 'pod' as const, namespace: 'prod', pod: 'nobody', container: 'app' };
    await expect(tailLog({ source: missing, history: 0 }, options)).rejects.toMatchObject({ code: 'cluster.api' });
    await expect(tailLog({ source: { kind: 'handler', engagement: 'x' }, history: 0 }, options)).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});
