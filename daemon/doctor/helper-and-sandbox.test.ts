import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stopSandbox } from '#net/sandbox/launch-sandbox.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput, CallOutput } from '#protocol/local-api/local-api.ts';
import { describeHelper } from './helper-description.ts';
import { type ClusterCalls, startSandbox } from './sandbox-program.ts';

let directory = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sandbox-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('describeHelper', () => {
  it('shows the very command, what it touches and what it changes', async () => {
    const launch = { nodePath: '/n/node', helperScript: '/p/helper.js', instance: '0123456789ab', uid: 1000, asRoot: false };
    const found = await describeHelper(launch, join(directory, 'helper.sock'));
    expect(found.state).toBe('not-running');
    expect(found.command.join(' ')).toBe('sudo -- /n/node /p/helper.js --instance 0123456789ab --uid 1000 --detach');
    expect(found.paths.map(({ path }) => path)).toContain(directory);
    expect(found.changes).not.toEqual([]);
    expect(found.version).toBeUndefined();
  });
});

describe('startSandbox', () => {
  /** A program that speaks as the sandbox does: it reports what it is told to, deploys a shop, and ends when it is stopped. */
  const program = (...reports: readonly object[]) => programWithShop(shopReports, ...reports);
  const shopReports: readonly object[] = [
    { state: 'deploying', stage: 'pods' },
    { state: 'deployed', namespace: 'shop' },
  ];
  const programWithShop = (shop: readonly object[], ...reports: readonly object[]) => {
    const isReady = reports.some((report) => 'kubeconfig' in report);
    return scriptOf(`
      const directory = process.argv[process.argv.indexOf('--directory') + 1];
      fs.mkdirSync(directory, { recursive: true });
      fs.rmSync(directory + '/control.sock', { force: true });
      http.createServer((request, response) => {
        if (request.url === '/stop') return response.end(() => process.exit());
        if (request.url === '/shop' && ${shop.length > 0}) return response.end(${JSON.stringify(shop.map((each) => `${JSON.stringify(each)}\n`).join(''))});
        if (request.url !== '/status') return response.writeHead(404).end();
        for (const report of ${JSON.stringify(reports)}) response.write(JSON.stringify(report) + '\\n');
        if (${isReady}) response.end();
      }).listen(directory + '/control.sock');
    `);
  };
  const scriptOf = (body: string) => {
    const file = join(directory, 'sandbox.mjs');
    writeFileSync(file, `import fs from 'node:fs';\nimport http from 'node:http';\n${body}`);
    return file;
  };
  const place = (onStage: (stage: string) => void, signal = AbortSignal.timeout(20_000)) => ({
    paths: { runtimeDirectory: join(directory, 'run'), logDirectory: join(directory, 'log') },
    env: process.env,
    signal,
    onStage,
  });
  const ready = { state: 'ready', pid: 1, server: 'https://s', kubeconfig: '/k', context: 'sandbox', since: 1 };
  const where = { kubeconfig: '/k', context: 'sandbox', namespace: 'shop' };
  const stagesOfStart = [
    'Starting the API server of the sandbox',
    'Starting the node of the sandbox',
    'Waiting for the pods of the demo shop',
  ];

  /** A cluster in which the traffic-manager is as far as `manager` says, until something is installed. */
  const cluster = (manager: CallOutput<'probeContext'>['manager'], isInstalled = false) => {
    const installs: CallInput<'install'>[] = [];
    const calls: ClusterCalls = {
      probeContext: async ({ kubeFlags }) => {
        expect(kubeFlags).toEqual({ kubeconfig: '/k', context: 'sandbox' });
        return { context: 'sandbox', server: '', namespace: 'default', manager, namespaces: [], mayInstall: true };
      },
      install: async (input, { emit }) => {
        installs.push(input);
        emit({ stage: `Here comes an ${input.action}` });
        if (isInstalled && input.action === 'install') throw new AppError({ code: 'install.conflict', message: 'It is there' });
        return { version: '1', revision: 1, namespace: 'ambassador', manifest: '' };
      },
    };
    return { installs, calls };
  };

  it('tells its stages, has the shop and the traffic-manager in it, and finds both again', async () => {
    const stages: string[] = [];
    const inDirectory = place((stage) => stages.push(stage));
    const file = program({ state: 'starting', stage: 'node' }, ready);
    const { installs, calls } = cluster({ kind: 'none' });
    expect(await startSandbox(file, inDirectory, calls)).toEqual(where);
    expect(stages).toEqual([...stagesOfStart, 'Here comes an install']);
    // The sandbox knows the product's image by no other name, whatever the configuration says.
    expect(installs).toMatchObject([
      {
        kubeFlags: { kubeconfig: '/k', context: 'sandbox' },
        values: [{ kind: 'yaml', text: '{"image":{"registry":"localhost"}}' }],
        dryRun: false,
      },
    ]);
    const again = cluster({ kind: 'ready', namespace: 'ambassador', version: '1' });
    expect(await startSandbox('/nowhere', inDirectory, again.calls)).toEqual(where);
    expect(again.installs).toEqual([]);
    const restarting = cluster({ kind: 'not-ready', namespace: 'ambassador', reason: 'It restarts' }, true);
    expect(await startSandbox('/nowhere', inDirectory, restarting.calls)).toEqual(where);
    expect(restarting.installs.map(({ action }) => action)).toEqual(['install', 'upgrade']);
    expect(await stopSandbox(inDirectory)).toBe(true);
  });

  it('fails in its own words, is cancelled, and is not there', async () => {
    const ignored = () => undefined;
    const { calls, installs } = cluster({ kind: 'none' });
    const failing = scriptOf(`console.error('no namespaces'); process.exit(3);`);
    await expect(startSandbox(failing, place(ignored), calls)).rejects.toMatchObject({ reason: 'no namespaces' });
    const abort = new AbortController();
    const hanging = program({ state: 'starting', stage: 'node' });
    const cancelAtNode = place((stage) => (stage.includes('node') ? abort.abort() : undefined), abort.signal);
    await expect(startSandbox(hanging, cancelAtNode, calls)).rejects.toMatchObject({ code: 'cancelled' });
    // It was ended with the wait.
    expect(await stopSandbox(place(ignored))).toBe(false);
    await expect(startSandbox(undefined, place(ignored), calls)).rejects.toMatchObject({ code: 'unsupported' });
    expect(installs).toEqual([]);
  });

  it('says why the shop is not there, and what to do about a sandbox that has none', async () => {
    const { calls, installs } = cluster({ kind: 'none' });
    const failed = { state: 'failed', code: 'workload.not-ready', message: 'Not ready', reason: 'web', remedies: [] };
    const attempt = async (...shop: readonly object[]) => {
      const started = startSandbox(
        programWithShop(shop, ready),
        place(() => undefined),
        calls,
      );
      return await started.then(String, (error: AppError) => error).finally(() => stopSandbox(place(() => undefined)));
    };
    expect(await attempt(failed)).toMatchObject({ code: 'workload.not-ready', reason: 'web' });
    expect(await attempt({ state: 'deploying', stage: 'pods' })).toMatchObject({
      message: 'The sandbox ended before its demo shop was there',
    });
    // One of a version before there was a shop.
    expect(await attempt()).toMatchObject({ remedies: [{ command: 'telepresence sandbox down' }] });
    expect(installs).toEqual([]);
  });
});
