#!/usr/bin/env node
// Runs one of the TypeScript programs of this folder on the Node that the lockfile pins: `node scripts/run.mjs test [ARGUMENT…]`.
// Plain JavaScript, for it is started by whatever Node the machine has, and before anything is installed.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bin = join(root, 'node_modules/.bin');

/** What `npm ci` would have to do, as a sentence; undefined where everything is there. */
function missingInstallation() {
  const installedFile = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedFile)) return 'node_modules is missing';
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedFile, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    // Packages for other systems are in the lockfile, too.
    if (installed[path] === undefined && (entry.optional || entry.devOptional)) continue;
    if (installed[path]?.version !== entry.version) return `${path} is not version ${entry.version}`;
  }
  for (const path of Object.keys(installed)) if (wanted[path] === undefined) return `${path} is not in the lockfile`;
  // Its own install script brings the program.
  const node = spawnSync(join(bin, 'node'), ['--version'], { encoding: 'utf8' });
  if (node.status !== 0) return 'node_modules/.bin/node does not run';
  return undefined;
}

function install(reason) {
  try {
    accessSync(root, constants.W_OK);
  } catch {
    fail(`The installed packages do not fit the lockfile (${reason}), and ${root} cannot be written`);
  }
  console.error(`Installing packages: ${reason}`);
  const npm = process.env.npm_execpath;
  const [file, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]];
  const args = [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'];
  // Packages that compile or fetch a program do so here; a production install in the environment must not leave tools out.
  const env = { ...process.env, NODE_ENV: 'development' };
  const result = spawnSync(file, args, { cwd: root, env, stdio: ['ignore', 2, 2] });
  if (result.status !== 0) fail(`npm ci ended with ${result.status ?? result.signal ?? result.error?.message}`);
}

function fail(message) {
  console.error(message);
  // The last line is always the sum, also for what never began.
  console.log('0 passed, 1 failed, 0 skipped');
  process.exit(1);
}

// Ctrl-C reaches the script, too, which puts back what it has begun; this waits for how that ends.
process.on('SIGINT', () => undefined);
const [name = '', ...args] = process.argv.slice(2);
const reason = missingInstallation();
if (reason !== undefined) install(reason);
const path = `${bin}${delimiter}${process.env.PATH ?? ''}`;
const script = join(root, 'scripts', `${name}.ts`);
const result = spawnSync(join(bin, 'node'), [script, ...args], {
  cwd: root,
  env: { ...process.env, PATH: path },
  stdio: 'inherit',
});
process.exit(result.status ?? 1);
