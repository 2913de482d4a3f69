import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Handlers, untilAborted } from '#net/rpc/handlers.ts';
import { fakeState, startFakeDaemon } from '#net/rpc/testing/fake-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { exampleConnection } from '#protocol/local-api/testing/example-state.ts';
import { Interrupts } from './interrupts.ts';
import { runCli } from './run.ts';

const connection = exampleConnection({ name: 'dev.shop', context: 'dev' });

let directory = '';
const closers: (() => Promise<void>)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'connect-'));
  // Stands for the helper's launcher, which ends with 0 as soon as the helper listens.
  writeFileSync(join(directory, 'helper.mjs'), 'process.exit(0)');
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  // Stands for sudo where the tests do not run as root.
  writeFileSync(join(bin, 'sudo'), '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n');
  chmodSync(join(bin, 'sudo'), 0o755);
});
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
  rmSync(directory, { recursive: true, force: true });
});

const environment = () => ({
  HOME: directory,
  TELEPRESENCE_RUNTIME_DIR: join(directory, 'run'),
  PATH: [join(directory, 'bin'), process.env['PATH']].join(delimiter),
});

async function serve(handlers: Partial<Handlers>): Promise<void> {
  const listener = await startFakeDaemon({
    path: join(directory, 'run', 'daemon.sock'),
    handlers: { checkConnect: async () => ({}), ...handlers },
    state: fakeState(),
  });
  closers.push(() => listener.close());
}

async function run(
  argv: string[],
  interrupts = new Interrupts(() => undefined),
  programs: { daemon?: string; helper?: string } = {},
) {
  let stdout = '';
  let stderr = '';
  const code = await runCli(argv, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    env: environment(),
    cwd: directory,
    isInteractive: false,
    interrupts,
    programs: {
      daemon: '/nowhere/daemon.js',
      helper: join(directory, 'helper.mjs'),
      sandbox: '/nowhere/sandbox.js',
      ...programs,
    },
    readStdin: async () => '',
  });
  return { code, stdout, stderr };
}

describe('connect', () => {
  const connected =
    (alreadyConnected: boolean): Handlers['connect'] =>
    async (_input, { emit }) => {
      emit({ stage: 'api', detail: 'Reaching the API server' });
      emit({ stage: 'dns', detail: 'Setting up DNS' });
      return { connection, alreadyConnected, warnings: ['old manager'] };
    };

  it('starts what is missing and ends with the line that names context, namespace and server', async () => {
    await serve({ connect: connected(false) });
    const { code, stdout, stderr } = await run(['connect', '--progress', 'plain']);
    expect(code).toBe(0);
    expect(stdout).toBe('Launching Telepresence Root Daemon\nConnected to context dev, namespace shop (https://10.0.0.1:6443)\n');
    expect(stderr).toBe('Reaching the API server\nSetting up DNS\ntelepresence connect: warning: old manager\n');
  });

  it('prints just its object in the structured formats', async () => {
    await serve({ connect: connected(true) });
    const { stdout, stderr } = await run(['connect', '--output', 'json']);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({
      name: 'dev.shop',
      already_connected: true,
      kubernetes_context: 'dev',
      warnings: ['old manager'],
    });
  });

  it('says why the helper did not start, before anything is connected', async () => {
    await serve({});
    writeFileSync(join(directory, 'helper.mjs'), 'console.error("no /dev/net/tun"); process.exit(1)');
    const { code, stderr } = await run(['connect']);
    expect(code).toBe(7);
    expect(stderr).toContain('  why: no /dev/net/tun\n');
  });

  it('does not start the helper for what is refused without it', async () => {
    const refused = new AppError({ code: 'kubeconfig.no-context', message: 'The kubeconfig has no context "none"' });
    const checked: unknown[] = [];
    await serve({
      checkConnect: async (input) => {
        checked.push(input);
        throw refused;
      },
    });
    writeFileSync(join(directory, 'helper.mjs'), 'import { writeFileSync } from "node:fs"; writeFileSync("started", "")');
    const { code, stdout, stderr } = await run(['connect', '--context', 'none']);
    expect({ code, stdout, stderr }).toEqual({
      code: 4,
      stdout: '',
      stderr: 'telepresence connect: error: The kubeconfig has no context "none"\n',
    });
    expect(checked).toEqual([{ kubeFlags: { context: 'none' } }]);
    expect(existsSync(join(directory, 'started'))).toBe(false);
  });

  it('cancels by Ctrl-C, waits for the roll-back, and ends with 130', async () => {
    const interrupts = new Interrupts(() => undefined);
    let isRolledBack = false;
    await serve({
      connect: async (_input, { signal }) => {
        setImmediate(() => interrupts.raise());
        await untilAborted(signal);
        isRolledBack = true;
        throw signal.reason;
      },
    });
    const { code, stderr } = await run(['connect'], interrupts);
    expect({ code, isRolledBack }).toEqual({ code: 130, isRolledBack: true });
    expect(stderr).toBe('telepresence connect: error: The request was cancelled\n');
  });

  it.each([
    [false, 3, ['^dev\\.shop$']],
    [true, 0, []],
  ])(
    'with a command and an existing connection %j: passes on exit code %i and disconnects %j',
    async (already, exitCode, expected) => {
      const disconnected: (string | undefined)[] = [];
      await serve({
        connect: connected(already),
        disconnect: async ({ use }) => {
          disconnected.push(use);
          return { disconnected: [] };
        },
      });
      const { code } = await run(['connect', '--', 'sh', '-c', `echo ran > ran; exit ${exitCode}`]);
      expect(code).toBe(exitCode);
      expect(readFileSync(join(directory, 'ran'), 'utf8')).toBe('ran\n');
      expect(disconnected).toEqual(expected);
    },
  );

  it('disconnects too where the command cannot be started or is killed', async () => {
    let disconnects = 0;
    await serve({ connect: connected(false), disconnect: async () => ({ disconnected: [String((disconnects += 1))] }) });
    const missing = await run(['connect', '--', 'no-such-command']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('error: The command no-such-command cannot be started\n  why: ');
    expect((await run(['connect', '--', 'sh', '-c', 'kill -TERM $$'])).code).toBe(143);
    expect(disconnects).toBe(2);
  });

  it('leaves Ctrl-C to the command', async () => {
    const interrupts = new Interrupts(() => undefined);
    await serve({ connect: connected(true) });
    const running = run(['connect', '--', 'sh', '-c', ': > started; while [ ! -e go ]; do sleep 0.02; done; exit 4'], interrupts);
    await expect.poll(() => existsSync(join(directory, 'started')), { timeout: 10_000 }).toBe(true);
    interrupts.raise();
    writeFileSync(join(directory, 'go'), '');
    expect((await running).code).toBe(4);
    expect(interrupts.signal.aborted).toBe(false);
  });
});

describe('the command as a process', () => {
  const main = join(import.meta.dirname, 'main.ts');
  const start = (...args: string[]) =>
    spawn(process.execPath, [main, ...args], { env: environment(), stdio: ['ignore', 'pipe', 'pipe'] });

  it('ends with 130 on SIGINT', async () => {
    await serve({
      watchWorkloads: async (_input, { emit, signal }) => {
        emit({ kind: 'snapshot', workloads: [] });
        await untilAborted(signal);
        return {};
      },
    });
    const child = start('list', '--output', 'json-stream');
    const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
    expect(JSON.parse(chunk.toString())).toEqual({ kind: 'snapshot', workloads: [] });
    child.kill('SIGINT');
    expect(await once(child, 'exit')).toEqual([130, null]);
  });

  it('starts the real daemon, talks to it and ends it', async () => {
    writeFileSync(join(directory, 'kubeconfig'), 'apiVersion: v1\nkind: Config\ncontexts: []\nclusters: []\nusers: []\n');
    const command = async (...args: string[]) => {
      const child = start(...args);
      let stdout = '';
      let stderr = '';
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
      const [code] = (await once(child, 'close')) as [number];
      return { code, stdout, stderr };
    };
    expect(await command('list-contexts', '--kubeconfig', join(directory, 'kubeconfig'))).toEqual({
      code: 0,
      stdout: 'No contexts\n',
      stderr: 'Launching Telepresence User Daemon\n',
    });
    expect((await command('status')).stdout).toContain('User Daemon: Running');
    expect(await command('quit', '-s')).toMatchObject({ code: 0, stdout: 'Telepresence daemons stopped\n' });
    expect((await command('status')).stdout).toContain('User Daemon: Not running');
  }, 20_000);
});
