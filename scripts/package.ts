import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { getCurrentFuseWire } from '@electron/fuses';
import { checkout, distDirectory } from './checkout.ts';
import { configProblems } from './packaging/check-config.ts';
import { checkLayout } from './packaging/check-layout.ts';
import { builtFuseProblems } from './packaging/fuses.ts';
import { stagedProduct, stageProduct } from './packaging/stage-product.ts';
import { installedProgram, runProgram } from './run-program.ts';

/**
 * npm run package            stages, checks, and builds the installers of this system
 * npm run package -- --dir   the same up to an unpacked app
 *
 * Without Electron's program it ends after the checks, and says so.
 */
const args = process.argv.slice(2);

const built = await runProgram(process.execPath, ['scripts/build.ts', '--quiet'], { timeoutMs: 120_000, isShown: true });
if (built.exitCode !== 0) process.exit(built.exitCode);
await stageProduct();
console.log(`Staged dist/package/stage/product`);

const problems = [...(await configProblems())];
for (const { name, problem } of await checkLayout(stagedProduct)) {
  console.log(`${problem === undefined ? 'ok    ' : 'FAILED'} ${name}`);
  if (problem !== undefined) problems.push(`${name}: ${problem}`);
}
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exit(1);

const electronDist = join(checkout, 'node_modules/electron/dist');
if (!existsSync(electronDist)) {
  console.log(
    'Everything that the package is made of is there and starts. Electron’s program is not installed, so the rest is not built.',
  );
  process.exit(0);
}
const builderArgs = ['--config', 'electron-builder.yml', `-c.electronDist=${electronDist}`, ...args];
const { exitCode } = await runProgram(installedProgram('electron-builder'), builderArgs, { timeoutMs: 1_800_000, isShown: true });
if (exitCode !== 0) process.exit(exitCode);
const unpacked = join(distDirectory, 'package/out', unpackedFolder());
if (existsSync(unpacked)) {
  // As the program itself has them.
  const fuseProblems = builtFuseProblems({ ...(await getCurrentFuseWire(unpacked)) });
  for (const problem of fuseProblems) console.error(problem);
  if (fuseProblems.length > 0) process.exit(1);
  console.log('The fuses of the program are as they have to be.');
}

function unpackedFolder(): string {
  if (process.platform === 'darwin') return 'mac/Telepresence.app';
  return process.platform === 'win32' ? 'win-unpacked/Telepresence.exe' : 'linux-unpacked/telepresence-desktop';
}
