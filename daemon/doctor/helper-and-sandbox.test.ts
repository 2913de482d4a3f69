import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeHelper } from './helper-description.ts';
import { startSandbox, stopSandbox } from './sandbox-program.ts';

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

describe('the sandbox program', () => {
  const program = (body: string) => {
    const file = join(directory, 'sandbox.mjs');
    writeFileSync(file, body);
    return file;
  };
  const signal = AbortSignal.timeout(20_000);

  it('tells its stages, and where the cluster is', async () => {
    const file = program(`
      console.log('for people');
      console.log(JSON.stringify({ stage: process.argv.slice(2).join(' ') }));
      if (process.argv[2] === 'up') console.log(JSON.stringify({ kubeconfig: '/k', context: 'sandbox', namespace: 'shop' }));
    `);
    const stages: string[] = [];
    expect(await startSandbox(file, (stage) => stages.push(stage), signal)).toEqual({
      kubeconfig: '/k',
      context: 'sandbox',
      namespace: 'shop',
    });
    await stopSandbox(file, (stage) => stages.push(stage), signal);
    expect(stages).toEqual(['up --output json-stream', 'down --output json-stream']);
  });

  it('fails in its own words, is cancelled, and is not there', async () => {
    const failing = program(`console.error('no namespaces'); process.exit(3);`);
    await expect(startSandbox(failing, () => undefined, signal)).rejects.toMatchObject({ reason: 'no namespaces' });
    const abort = new AbortController();
    const hanging = program(`console.log(JSON.stringify({ stage: 'wait' })); setInterval(() => {}, 1000);`);
    await expect(startSandbox(hanging, () => abort.abort(), abort.signal)).rejects.toMatchObject({ code: 'cancelled' });
    await expect(startSandbox(undefined, () => undefined, signal)).rejects.toMatchObject({ code: 'unsupported' });
  });
});
