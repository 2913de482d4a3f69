import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import type { AppError } from '#protocol/errors/app-error.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { ConnectionThread } from './connection-thread.ts';

describe("a connection's thread", () => {
  let directory: string;
  let thread: ConnectionThread;
  let states: string[];
  let crashes: AppError[];
  /** Takes requests and never answers. */
  let server: http.Server;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'thread-'));
    server = http.createServer(() => undefined);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    states = [];
    crashes = [];
  });

  afterEach(async () => {
    await thread.end();
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const begin = (text: string) => {
    const kubeconfig = join(directory, 'config');
    writeFileSync(kubeconfig, text);
    thread = new ConnectionThread({
      input: {
        name: 'test',
        request: { kubeFlags: { kubeconfig } },
        helperSocket: join(directory, 'no-helper'),
        helper: { nodePath: '/bin/false', helperScript: '', instance: '0123456789ab', uid: 1, asRoot: true },
        configFile: join(directory, 'config.yml'),
        installId: 'install',
        logDirectory: directory,
        engagementsFile: join(directory, 'engagements.json'),
        logFile: join(directory, 'connection.log'),
        logLevel: 'error',
        managerNamespaceEnv: undefined,
      },
      logger: silentLogger,
      onChanged: ({ state }: Connection) => states.push(state.kind === 'connecting' ? state.stage : state.kind),
      onHealth: () => undefined,
      onEngagement: () => undefined,
      onCrashed: (error) => crashes.push(error),
    });
    return thread;
  };
  const silentCluster = () => `
current-context: one
clusters: [{name: c, cluster: {server: "http://127.0.0.1:${(server.address() as AddressInfo).port}"}}]
users: [{name: u, user: {token: t}}]
contexts: [{name: one, context: {cluster: c, user: u}}]
`;

  it('hands on what is wrong with the kubeconfig', async () => {
    await expect(begin('{}').call('connect', {})).rejects.toMatchObject({ code: 'kubeconfig.no-context' });
    await expect(thread.call('listWorkloads', { namespace: undefined })).rejects.toMatchObject({ code: 'connection.none' });
    expect(crashes).toEqual([]);
  });

  it('checks the kubeconfig, the configuration and the flags without asking the cluster', async () => {
    await expect(begin('{}').call('check', {})).rejects.toMatchObject({ code: 'kubeconfig.no-context' });
    await thread.end();
    const requests: unknown[] = [];
    server.on('request', (request) => requests.push(request));
    await expect(begin(silentCluster()).call('check', {})).resolves.toEqual({});
    expect({ requests, states }).toEqual({ requests: [], states: [] });
  });

  it('says that a connect was cancelled, by its caller or by a disconnect', async () => {
    for (const isByCaller of [true, false]) {
      states.length = 0;
      const cancel = new AbortController();
      const connecting = begin(silentCluster()).call('connect', {}, { signal: cancel.signal });
      await expect.poll(() => states, { timeout: 10_000 }).toContain('api');
      const failed = expect(connecting).rejects.toMatchObject({ code: 'cancelled' });
      if (isByCaller) cancel.abort();
      else await thread.call('disconnect', {});
      await failed;
      expect(states.at(-1)).toBe('off');
      await thread.end();
    }
  });

  it('fails what is asked and what was asked when it has ended', async () => {
    const connecting = begin(silentCluster()).call('connect', {});
    const failed = expect(connecting).rejects.toMatchObject({ code: 'cancelled' });
    await thread.end();
    await failed;
    await expect(thread.call('checkNow', {})).rejects.toMatchObject({ code: 'cancelled' });
    expect(crashes).toEqual([]);
  });
});
