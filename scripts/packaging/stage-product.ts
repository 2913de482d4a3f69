import { chmodSync, copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileName } from '../bundle.ts';
import { bundleEntries } from '../bundle-entries.ts';
import { checkout, distDirectory } from '../checkout.ts';
import { runProgram } from '../run-program.ts';

/** What `electron-builder.yml` takes into the app's resources. */
export const stagedProduct = join(distDirectory, 'package/stage/product');

/** Programs that run on the Node that ships with the app. The others are Electron's. */
const programs = ['cli', 'daemon', 'connection-worker', 'nat-worker', 'helper'];

/** The sandbox, and what runs in its pods: there is none elsewhere. */
const sandboxPrograms =
  process.platform === 'linux'
    ? ['sandbox', 'sandbox-machine', 'manager', 'agent', 'shop-web', 'shop-cart', 'shop-catalogue', 'shop-stock']
    : [];

const shells = { bash: 'telepresence.bash', zsh: '_telepresence', fish: 'telepresence.fish', powershell: 'telepresence.ps1' };

/** A native package, and what of it is loaded at run time. */
interface NativePackage {
  readonly name: string;
  readonly skips: RegExp;
}

const nativePackages: readonly NativePackage[] = [
  { name: 'koffi', skips: /\/(doc|vendor)(\/|$)|\.(cc|hh|h|md)$/ },
  { name: `@koromix/koffi-${process.platform}-${process.arch}`, skips: /\.md$/ },
  { name: 'bufferutil', skips: /\/src(\/|$)|binding\.gyp$|\.md$/ },
  { name: 'node-gyp-build', skips: /\.md$/ },
  { name: 'node-pty', skips: /\/(deps|src|third_party|scripts|typings|node-addon-api)(\/|$)|\.(gyp|md|map|pdb)$|\.test\.js$/ },
];

/** Puts daemon, helper, command line and sandbox together with their Node, their native packages and what the system needs of them. */
export async function stageProduct(): Promise<void> {
  rmSync(stagedProduct, { recursive: true, force: true });
  const at = (path: string) => join(stagedProduct, path);
  copyFile(process.execPath, at(process.platform === 'win32' ? 'node/node.exe' : 'node/bin/node'), 0o755);
  for (const name of [...programs, ...sandboxPrograms]) {
    const entry = bundleEntries.find((candidate) => candidate.name === name);
    if (entry === undefined) throw new Error(`There is no bundle ${name}`);
    const files = new Set([fileName(entry), ...(entry.hasCompileCache ? [`${name}.js`] : [])]);
    for (const file of files) copyFile(join(distDirectory, file), at(`dist/${file}`), 0o644);
  }
  // What the daemon serves to browsers; the app's own window has it from the archive.
  cpSync(join(distDirectory, 'renderer'), at('dist/renderer'), { recursive: true });
  // Bundles are ES modules, which Node knows by this.
  writeFileSync(at('package.json'), '{ "type": "module" }\n');
  for (const native of nativePackages) copyPackage(native, at('node_modules'));
  cpSync(join(checkout, 'assets/bin'), at('bin'), { recursive: true });
  chmodSync(at('bin/telepresence'), 0o755);
  copyFile(join(checkout, 'LICENSE'), at('LICENSE'), 0o644);
  for (const unit of serviceFiles())
    copyFile(join(checkout, 'assets', unit), at(join('service', unit.split('/').at(-1) ?? '')), 0o644);
  await writeCompletions(at('completions'));
}

function serviceFiles(): readonly string[] {
  return [
    'linux/telepresence-helper@.service',
    'macos/dev.telepresence.helper.plist',
    'windows/helper-service.xml',
    'windows/change-path.ps1',
  ];
}

function copyPackage({ name, skips }: NativePackage, target: string): void {
  const source = join(checkout, 'node_modules', name);
  if (!existsSync(source)) throw new Error(`${name} is not installed`);
  // Only this system's builds; the others are for other packages.
  const own = `${process.platform}-${process.arch}`;
  const builds = existsSync(join(source, 'prebuilds')) ? readdirSync(join(source, 'prebuilds')) : [];
  const foreign = new Set(builds.filter((build) => build !== own).map((build) => join(source, 'prebuilds', build)));
  cpSync(source, join(target, name), {
    recursive: true,
    filter: (path) => !foreign.has(path) && !skips.test(path.slice(source.length)),
  });
}

async function writeCompletions(target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  for (const [shell, file] of Object.entries(shells)) {
    const args = [join(stagedProduct, 'dist/cli.js'), 'completion', shell];
    const { exitCode, output } = await runProgram(process.execPath, args, { timeoutMs: 30_000 });
    if (exitCode !== 0) throw new Error(`completion ${shell}: ${output}`);
    writeFileSync(join(target, file), output);
  }
}

function copyFile(source: string, target: string, mode: number): void {
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
  chmodSync(target, mode);
}
