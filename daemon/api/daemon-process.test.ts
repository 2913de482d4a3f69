import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { waitForPath } from '#base/node/process-start.ts';
import type { ApiClient } from '#net/rpc/client.ts';
import { connectApi } from '#net/rpc/connect-api.ts';
import { readState } from '#net/rpc/state-mirror.ts';

let directory = '';
let socket = '';
const children: ChildProcess[] = [];
const clients: ApiClient[] = [];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'daemon-'));
  socket = join(directory, 'run', 'daemon.sock');
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  rmSync(directory, { recursive: true, force: true });
});

interface Started {
  readonly child: ChildProcess;
  readonly exited: Promise<{ readonly code: number | null; readonly stderr: string }>;
}

function start(): Started {
  const env = {
    ...process.env,
    TELEPRESENCE_RUNTIME_DIR: join(directory, 'run'),
    TELEPRESENCE_CONFIG: join(directory, 'config.yml'),
    XDG_STATE_HOME: join(directory, 'state'),
  };
  const child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts')], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return { child, exited: once(child, 'close').then(([code]) => ({ code: code as number | null, stderr })) };
}

async function open(): Promise<ApiClient> {
  const api = await waitForPath(socket, () => connectApi(socket).catch(() => undefined), AbortSignal.timeout(10_000));
  if (api === undefined) throw new Error('the daemon did not start');
  clients.push(api);
  return api;
}

const logText = () => readFileSync(join(directory, 'state/telepresence/logs/daemon.log'), 'utf8');

describe('the daemon process', () => {
  it('shows the same state to two clients and ends by quit for both', async () => {
    const { exited } = start();
    const [one, two] = [await open(), await open()];
    const states = [await readState(one), await readState(two)];
    expect(states[0]).toEqual(states[1]);
    expect(states[0]?.daemon.installId).toMatch(/^[0-9a-f-]{36}$/);
    const stages: string[] = [];
    await one.call('quit', {}, { onEvent: ({ stage }) => stages.push(stage) });
    await Promise.all([one.closed, two.closed]);
    expect((await exited).code).toBe(0);
    expect(stages.at(-1)).toBe('Stopping the helper');
    expect(existsSync(socket)).toBe(false);
  });

  it('ends politely where another one serves already', async () => {
    start();
    const api = await open();
    const second = await start().exited;
    expect(second.code).toBe(0);
    expect(second.stderr).toContain('running already');
    expect((await readState(api)).daemon.pid).toBe(children[0]?.pid);
  });

  it('replaces what a killed one left, and is the same installation', async () => {
    const first = start();
    const { installId } = (await readState(await open())).daemon;
    first.child.kill('SIGKILL');
    await first.exited;
    expect(existsSync(socket)).toBe(true);
    start();
    expect((await readState(await open())).daemon).toMatchObject({ installId, pid: children[1]?.pid });
  });

  it('quits on SIGTERM with exit code 0', async () => {
    const { child, exited } = start();
    await open();
    child.kill('SIGTERM');
    expect(await exited).toEqual({ code: 0, stderr: '' });
    expect(existsSync(socket)).toBe(false);
  });

  it('changes its log level and writes a private log', async () => {
    const { exited } = start();
    const api = await open();
    await api.call('setLogLevel', { level: 'debug', durationMs: 60_000, scope: 'local' });
    await api.call('cancelTask', { id: 5 } as never).catch(() => undefined);
    await api.call('setLogLevel', { level: 'debug', durationMs: 60_000, scope: 'all' });
    const remote = api.call('setLogLevel', { level: 'debug', durationMs: 0, scope: 'remote' });
    await expect(remote).rejects.toMatchObject({ code: 'connection.none' });
    await api.call('quit', {});
    await exited;
    expect(logText()).toContain('Call ended with an error');
    expect(statSync(join(directory, 'state/telepresence/logs/daemon.log')).mode & 0o777).toBe(0o600);
  });

  it('logs at the level of the configuration from its start', async () => {
    writeFileSync(join(directory, 'config.yml'), 'logLevels: {userDaemon: error}');
    start();
    await open();
    expect(existsSync(join(directory, 'state/telepresence/logs/daemon.log'))).toBe(false);
  });

  it('follows the level of the configuration file', async () => {
    const config = join(directory, 'config.yml');
    writeFileSync(config, 'logLevels: {userDaemon: error}');
    start();
    const api = await open();
    writeFileSync(config, 'logLevels: {userDaemon: debug}');
    await vi.waitFor(
      async () => {
        await api.call('cancelTask', { id: 5 } as never).catch(() => undefined);
        expect(logText()).toContain('Call ended with an error');
      },
      { timeout: 10_000 },
    );
  });

  it('lists contexts and namespaces by kubeconfig, and says why it cannot', async () => {
    const server = createServer((request, response) => {
      const isAllowed = request.headers.authorization === 'Bearer good';
      response.writeHead(isAllowed ? 200 : 403, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify(
          isAllowed
            ? { items: [{ metadata: { name: 'b' } }, { metadata: { name: 'a' } }] }
            : { message: 'namespaces is forbidden', reason: 'Forbidden' },
        ),
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const kubeconfig = join(directory, 'kubeconfig');
    writeFileSync(kubeconfig, kubeconfigText(url));
    start();
    const api = await open();
    const { contexts } = await api.call('listContexts', { kubeFlags: {}, kubeconfigEnv: kubeconfig });
    expect(contexts).toEqual([{ name: 'dev', cluster: 'local', user: 'me', namespace: 'shop', server: url, current: true }]);
    expect(await api.call('listNamespaces', { kubeFlags: { kubeconfig } })).toEqual({ namespaces: ['a', 'b'] });
    const forbidden = api.call('listNamespaces', { kubeFlags: { kubeconfig, token: 'bad' } });
    await expect(forbidden).rejects.toMatchObject({ code: 'cluster.forbidden', reason: 'namespaces is forbidden' });
    server.close();
    server.closeAllConnections();
    const unreachable = api.call('listNamespaces', { kubeFlags: { kubeconfig, server: 'http://127.0.0.1:1' } });
    await expect(unreachable).rejects.toMatchObject({ code: 'cluster.unreachable' });
    const missing = api.call('listContexts', { kubeFlags: { kubeconfig: '/nowhere' } });
    await expect(missing).rejects.toMatchObject({ code: 'kubeconfig.unreadable' });
  });
});

function kubeconfigText(server: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'dev',
    clusters: [{ name: 'local', cluster: { server, 'insecure-skip-tls-verify': true } }],
    users: [{ name: 'me', user: { token: 'good' } }],
    contexts: [{ name: 'dev', context: { cluster: 'local', user: 'me', namespace: 'shop' } }],
  });
}
