import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Laptop } from '../laptop/laptop.ts';
import type { LaptopSnapshot } from '../laptop/laptop-snapshot.ts';
import { describeFailure, type Outcome } from '../support/program.ts';
import { checkout, settings, titled } from '../support/settings.ts';
import { type DemoMachine, type DemoRunOptions, pathOfMachine, startDemoMachine } from './demo-machine.ts';

const missing = missingFor();
const timeoutMs = 120_000;
const hasKubectl = pathOfMachine()
  .split(delimiter)
  .some((folder) => existsSync(join(folder, 'kubectl')));

interface SandboxUp {
  readonly kubeconfig: string;
}

/** The demo with a sandbox, on a laptop: what is left when it does not come to its end, and what when it shall stay. */
describe.skipIf(missing !== undefined)(titled('the end of the demo', missing), { timeout: timeoutMs }, () => {
  let laptop: Laptop;
  let machine: DemoMachine;
  let directory = '';
  let before: LaptopSnapshot;

  beforeAll(async () => {
    laptop = await Laptop.create({ reaches: [] });
    // Of its own and short: paths of sockets have a limit.
    directory = await mkdtemp(join(tmpdir(), 'de-'));
    await chown(directory, laptop.uid, laptop.uid);
    machine = await startDemoMachine({
      spawnRoot: (argv) => laptop.spawn(argv, { as: 'root' }),
      directories: ['/run', directory],
    });
    before = await machine.snapshot();
  });
  afterAll(async () => {
    await machine?.close();
    await laptop?.close();
    await rm(directory, { recursive: true, force: true });
  });

  const options = (who: 'root' | 'user', env: Readonly<Record<string, string>> = {}): DemoRunOptions => ({
    uid: who === 'root' ? 0 : laptop.uid,
    cwd: checkout,
    timeoutMs,
    env: {
      HOME: laptop.home,
      LANG: 'C.UTF-8',
      // A person who has not put the checkout on the PATH, with the Node of the machine.
      PATH: pathOfMachine(),
      TMPDIR: directory,
      XDG_RUNTIME_DIR: laptop.runtimeDirectory,
      ...env,
    },
  });
  const demo = (...flags: readonly string[]) => ['npm', 'run', '--silent', 'demo', '--', '--yes', ...flags];

  /** Presses Ctrl-C as soon as the text shows, and resolves to how it ended. */
  async function interruptAt(
    text: string,
    who: 'root' | 'user',
    argv: readonly string[],
  ): Promise<Outcome & { readonly signal: string | null }> {
    const child = machine.spawn(argv, options(who));
    const output = { stdout: '', stderr: '' };
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
    const shown = new Promise<void>((resolve) => {
      for (const name of ['stdout', 'stderr'] as const) {
        child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
          output[name] += chunk;
          if (output.stdout.includes(text)) resolve();
        });
      }
    });
    const startedAt = performance.now();
    const early = exited.then(([code]) => {
      throw new Error(`The demo ended with ${code} before "${text}"\n${output.stdout}${output.stderr}`);
    });
    early.catch(() => undefined);
    await Promise.race([shown, early]);
    await machine.interrupt(child);
    const [code, signal] = await exited;
    return { ...output, code: code ?? undefined, signal, isTimedOut: false, durationMs: performance.now() - startedAt };
  }

  it.each([
    // In the middle of a step, or at the beginning of one.
    { who: 'user', text: '[1/9]' },
    { who: 'user', text: 'KUBECONFIG=' },
    { who: 'user', text: '[4/9]' },
    { who: 'user', text: '[6/9]' },
    { who: 'root', text: '[4/9]' },
    { who: 'root', text: '[7/9]' },
  ] as const)('leaves nothing after Ctrl-C at $text as $who', async ({ who, text }) => {
    // What npm runs, for npm itself ends by the signal and hides the exit code.
    const { code, stdout, stderr } = await interruptAt(text, who, ['node', 'scripts/run.mjs', 'demo', '--yes']);
    const output = `${stdout}${stderr}`;
    expect(output).toContain('Interrupted.');
    expect(output).toContain('As before on this machine: ');
    expect(output).not.toContain('[9/9]');
    expect(code).toBe(1);
    expect(await machine.snapshot()).toEqual(before);
  });

  it('has npm wait for it after Ctrl-C, and end as interrupted', async () => {
    const { code, signal, stdout } = await interruptAt('[3/9]', 'user', demo());
    expect(stdout).toContain('As before on this machine: ');
    expect(code === undefined ? signal : code).not.toBe(0);
    expect(await machine.snapshot()).toEqual(before);
  });

  describe('with --keep', () => {
    let lines: readonly string[] = [];
    let environment = '';

    /** Types it into a shell of the person's, as it was printed. */
    const type = async (line: string, env: Readonly<Record<string, string>> = {}) => {
      const outcome = await machine.run(['sh', '-c', `${environment}\n${line}`], options('user', env));
      if (outcome.code !== 0) throw new Error(describeFailure([line], outcome));
      return outcome.stdout;
    };

    it('prints the URL, the kubeconfig and commands, which work as they are printed', async () => {
      const kept = await machine.run(demo('--keep'), options('user'));
      if (kept.code !== 0) throw new Error(describeFailure(['the demo'], kept));
      expect(kept.stdout).toContain('[9/9] Keep everything up');
      expect(kept.stdout).toContain('http://web.shop');
      expect(kept.stdout).toMatch(/The kubeconfig: \/.*\/kubeconfig/);
      // What stays is what the comparisons of the other tests see.
      const { processes = [], ...rest } = await machine.snapshot();
      expect(processes.length).toBeGreaterThan(before['processes']?.length ?? 0);
      expect(rest[`files in ${directory}`]).not.toEqual(before[`files in ${directory}`]);
      lines = [...kept.stdout.matchAll(/^ {4}\$ (.*)$/gm)].map(([, line = '']) => line).slice(-8);
      [environment = '', ...lines] = lines;
      expect(environment).toMatch(/^export XDG_RUNTIME_DIR=/);
      expect(lines).toHaveLength(7);
      const outputs = new Map<string, string>();
      for (const line of lines.slice(0, -1)) outputs.set(line.split(' ')[1] ?? '', await type(line));
      expect(outputs.get('status')).toContain('shop');
      expect(outputs.get('list')).toContain('deployment catalogue');
      expect(outputs.get('shell')).toContain('Tea for two for members');
      expect(outputs.get('intercept')).toContain('ACTIVE');
      expect(outputs.has('leave')).toBe(true);
      expect(outputs.get('ui')).toMatch(/^http:\/\//);
    });

    it('stays as it is when another demo of the same cluster fails, which says at which step', async () => {
      const kubeconfig = /KUBECONFIG=(\S+)/.exec(environment)?.[1] ?? '';
      const failed = await machine.run(
        demo('--context', 'telepresence-sandbox'),
        options('user', { KUBECONFIG: kubeconfig, XDG_RUNTIME_DIR: laptop.runtimeDirectory }),
      );
      expect(failed.code).toBe(1);
      expect(failed.stdout).toMatch(/\[3\/9\] Deploy a small shop.*\n {4}FAILED after/);
      expect(failed.stderr).toContain('There is a namespace "shop" already');
      expect(failed.stdout).not.toContain('[4/9]');
      expect(failed.stdout).toContain('As before on this machine: ');
      expect(await type(lines[2] ?? '')).toContain('Tea for two for members');
    });

    it('is gone after the command for the end', async () => {
      await type(lines.at(-1) ?? '');
      expect(await readdir(directory)).toEqual([]);
      expect(await machine.snapshot()).toEqual(before);
    });
  });

  it.skipIf(!hasKubectl)(
    'is gone from a cluster that was there before, which stays, after the commands for the end',
    async () => {
      const own = join(directory, 'own');
      const xdg = { XDG_RUNTIME_DIR: own, XDG_STATE_HOME: join(own, 'state'), XDG_CONFIG_HOME: join(own, 'config') };
      const person = async (...argv: readonly string[]) => {
        const outcome = await machine.run(argv, options('user', xdg));
        if (outcome.code !== 0) throw new Error(describeFailure(argv, outcome));
        return outcome.stdout;
      };
      const telepresence = join(checkout, 'bin/telepresence');
      await person('mkdir', '--mode=700', own);
      const { kubeconfig } = JSON.parse(await person(telepresence, '--output', 'json', 'sandbox', 'up')) as SandboxUp;
      const env = { ...xdg, KUBECONFIG: kubeconfig };
      const kept = await machine.run(demo('--keep', '--context', 'telepresence-sandbox'), options('user', env));
      if (kept.code !== 0) throw new Error(describeFailure(['the demo'], kept));
      const lines = [...kept.stdout.matchAll(/^ {4}\$ (.*)$/gm)].map(([, line = '']) => line);
      const exports = lines.find((line) => line.startsWith('export ')) ?? '';
      expect(lines.at(-1)).not.toContain('sandbox down');
      const ended = await machine.run(['sh', '-c', `${exports}\n${lines.at(-1)}`], options('user', env));
      if (ended.code !== 0) throw new Error(describeFailure([lines.at(-1) ?? ''], ended));
      expect(await readdir(directory)).toEqual(['own']);
      const left = await machine.run(['kubectl', 'get', 'namespaces', '--output=name'], options('user', env));
      expect(left.stdout).not.toContain('namespace/shop');
      expect(JSON.parse(await person(telepresence, '--output', 'json', 'sandbox', 'status'))).toMatchObject({ running: true });
      await person(telepresence, 'sandbox', 'down');
      await rm(own, { recursive: true });
      expect(await machine.snapshot()).toEqual(before);
    },
  );

  it('refuses a context that does not exist, and leaves nothing', async () => {
    const { code, stdout, stderr } = await machine.run(demo('--context', 'nowhere'), options('user'));
    expect(code).toBe(1);
    expect(stderr).toContain('nowhere');
    expect(stdout).toContain('As before on this machine: ');
    expect(await machine.snapshot()).toEqual(before);
  });
});

function missingFor(): string | undefined {
  if (settings.sandbox !== undefined) return 'starts a sandbox of its own';
  if (process.platform !== 'linux') return 'needs Linux';
  return process.getuid?.() === 0 ? undefined : 'needs root';
}
