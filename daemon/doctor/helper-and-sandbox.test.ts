import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stopSandbox } from '#net/sandbox/launch-sandbox.ts';
import { describeHelper } from './helper-description.ts';
import { startSandbox } from './sandbox-program.ts';

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
  /** A program that speaks as the sandbox does: it reports what it is told to, and ends when it is stopped. */
  const program = (...reports: readonly object[]) => {
    const isReady = reports.some((report) => 'kubeconfig' in report);
    return scriptOf(`
      const directory = process.argv[process.argv.indexOf('--directory') + 1];
      fs.mkdirSync(directory, { recursive: true });
      http.createServer((request, response) => {
        if (request.method === 'POST') return response.end(() => process.exit());
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
  const where = { kubeconfig: '/k', context: 'sandbox', namespace: 'default' };

  it('tells its stages, and where the cluster is, which is found again', async () => {
    const stages: string[] = [];
    const inDirectory = place((stage) => stages.push(stage));
    const file = program({ state: 'starting', stage: 'node' }, ready);
    expect(await startSandbox(file, inDirectory)).toEqual(where);
    expect(stages).toEqual(['Starting the API server of the sandbox', 'Starting the node of the sandbox']);
    expect(await startSandbox('/nowhere', inDirectory)).toEqual(where);
    expect(await stopSandbox(inDirectory)).toBe(true);
  });

  it('fails in its own words, is cancelled, and is not there', async () => {
    const ignored = () => undefined;
    const failing = scriptOf(`console.error('no namespaces'); process.exit(3);`);
    await expect(startSandbox(failing, place(ignored))).rejects.toMatchObject({ reason: 'no namespaces' });
    const abort = new AbortController();
    const hanging = program({ state: 'starting', stage: 'node' });
    const cancelAtNode = place((stage) => (stage.includes('node') ? abort.abort() : undefined), abort.signal);
    await expect(startSandbox(hanging, cancelAtNode)).rejects.toMatchObject({ code: 'cancelled' });
    // It was ended with the wait.
    expect(await stopSandbox(place(ignored))).toBe(false);
    await expect(startSandbox(undefined, place(ignored))).rejects.toMatchObject({ code: 'unsupported' });
  });
});
