import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { productVersion } from '#base/common/version.ts';
import { checkSandbox } from './check-sandbox.ts';
import { checkWindow } from './check-window.ts';
import { type LayoutResult, type Outcome, result, runProgram, timeoutMs } from './layout-program.ts';

/** The daemon may serve a sandbox that starts, beside all else. */
const daemonTimeoutMs = 180_000;

/**
 * Starts what was staged from a copy of its own, far from the checkout, whose packages would otherwise hide a missing one: the command
 * line, native packages, the daemon by the command line with the window for browsers and the sandbox, and the helper, which only tells what it
 * wants.
 */
export async function checkLayout(product: string): Promise<readonly LayoutResult[]> {
  const root = mkdtempSync(join(tmpdir(), 'tel-layout-'));
  try {
    const copy = join(root, 'product');
    cpSync(product, copy, { recursive: true });
    mkdirSync(join(root, 'home'));
    const env = {
      PATH: '/usr/bin:/bin',
      HOME: join(root, 'home'),
      TELEPRESENCE_RUNTIME_DIR: join(root, 'run'),
      KUBECONFIG: join(root, 'none'),
    };
    const node = join(copy, 'node/bin/node');
    const command = join(copy, 'bin/telepresence');
    const run = (file: string, args: readonly string[]) => runProgram(file, args, env);
    return [
      result('telepresence version', await run(command, ['version']), (text) => text.includes(productVersion)),
      ...(await nativeResults(copy, node, run)),
      ...(await daemonResults(copy, node, command, env)),
      // It refuses a call without its arguments before it looks at anything.
      result('helper', await run(node, [join(copy, 'dist/helper.js')]), (text) => text.includes('--instance takes'), 2),
    ];
  } finally {
    rmSync(root, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function nativeResults(
  copy: string,
  node: string,
  run: (file: string, args: readonly string[]) => Promise<Outcome>,
): Promise<readonly LayoutResult[]> {
  const results: LayoutResult[] = [];
  for (const name of ['koffi', 'bufferutil', 'node-pty']) {
    const script = `require('node:module').createRequire(process.argv[1])('${name}'); console.log('loaded')`;
    results.push(result(name, await run(node, ['-e', script, join(copy, 'dist/daemon.js')]), (text) => text.includes('loaded')));
  }
  return results;
}

/** The daemon runs until it is told to quit by the command line. */
async function daemonResults(
  copy: string,
  node: string,
  command: string,
  env: NodeJS.ProcessEnv,
): Promise<readonly LayoutResult[]> {
  const daemon = spawn(node, [join(copy, 'dist/daemon.js')], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let printed = '';
  daemon.stderr.on('data', (data) => {
    printed += String(data);
  });
  const ended = new Promise<number>((resolve) => daemon.on('exit', (code) => resolve(code ?? 1)));
  const timer = setTimeout(() => daemon.kill('SIGKILL'), daemonTimeoutMs);
  try {
    const status = await statusOf(command, env, daemon.pid);
    const served = [...(await checkWindow(command, env)), ...(await checkSandbox(command, env))];
    const quit = await runProgram(command, ['quit', '-s'], env);
    const code = await ended;
    return [
      result('daemon', status, (text) => text.includes(`"pid": ${daemon.pid}`)),
      ...served,
      result('telepresence quit -s', quit, () => code === 0),
    ];
  } catch (error) {
    return [{ name: 'daemon', problem: `${String(error)} ${printed}` }];
  } finally {
    clearTimeout(timer);
    daemon.kill('SIGKILL');
  }
}

/** As soon as the daemon answers. */
async function statusOf(command: string, env: NodeJS.ProcessEnv, pid: number | undefined): Promise<Outcome> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const outcome = await runProgram(command, ['status', '--output', 'json'], env);
    if (outcome.output.includes(`"pid": ${pid}`) || performance.now() > until) return outcome;
  }
}
