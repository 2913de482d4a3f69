import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout, distDirectory } from './checkout.ts';
import { installedProgram, runProgram } from './run-program.ts';

// npm start [ARGUMENT…]: the app, by Electron where its program can be had, else in the browser; says which, and where.

/** A download of a hundred megabytes; where there is no way to it, that is known at once. */
const downloadTimeoutMs = 180_000;

const args = process.argv.slice(2);
const built = await runProgram(process.execPath, ['scripts/build.ts', '--quiet'], { timeoutMs: 120_000, isShown: true });
if (built.exitCode !== 0) process.exit(built.exitCode);
const electron = await electronProgram();
process.exitCode = electron === undefined ? startBrowserHost() : startElectron(electron);

function startElectron(program: string): number {
  console.log('Telepresence opens in a window of its own; its icon is in the tray.');
  // Run as Node it would not be the app.
  const { ELECTRON_RUN_AS_NODE: _unset, ...env } = process.env;
  return run(program, [checkout, ...args], env);
}

/** The same interface, served by the daemon on the loopback for the browser. */
function startBrowserHost(): number {
  console.log('Electron’s program is not here and cannot be fetched, so the app opens in the browser: telepresence ui');
  return run(installedProgram('node'), [join(distDirectory, 'cli.js'), 'ui', ...args], process.env);
}

function run(program: string, programArgs: readonly string[], env: NodeJS.ProcessEnv): number {
  const { status, error } = spawnSync(program, [...programArgs], { stdio: 'inherit', env });
  if (error !== undefined) console.error(error.message);
  return status ?? 1;
}

/** That of `ELECTRON_BINARY`, the one that is installed, or one that is fetched now; `undefined` where there is none. */
async function electronProgram(): Promise<string | undefined> {
  const named = process.env['ELECTRON_BINARY'];
  if (named !== undefined && named !== '') return named;
  const installed = installedElectron();
  if (installed !== undefined) return installed;
  console.log('Fetching Electron…');
  const { exitCode } = await runProgram(process.execPath, ['node_modules/electron/install.js'], { timeoutMs: downloadTimeoutMs });
  return exitCode === 0 ? installedElectron() : undefined;
}

function installedElectron(): string | undefined {
  const folder = join(checkout, 'node_modules/electron');
  const pathFile = join(folder, 'path.txt');
  if (!existsSync(pathFile)) return undefined;
  const program = join(folder, 'dist', readFileSync(pathFile, 'utf8').trim());
  return existsSync(program) ? program : undefined;
}
