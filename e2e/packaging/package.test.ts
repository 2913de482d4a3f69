import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runProgram } from '../support/program.ts';
import { checkout } from '../support/settings.ts';

/** Where Electron's program is installed the app is assembled as well. */
const timeoutMs = 900_000;

const hasElectron = existsSync(join(checkout, 'node_modules/electron/dist'));

it(
  'npm run package -- --dir makes a layout that works far from the checkout',
  async () => {
    const { code, stdout, stderr } = await runProgram([process.execPath, 'scripts/package.ts', '--dir'], {
      cwd: checkout,
      timeoutMs,
    });
    expect(`${stderr}${code === 0 ? '' : stdout}`).not.toContain('FAILED');
    expect(code).toBe(0);
    const programs = ['telepresence version', 'daemon', 'telepresence ui', 'telepresence quit -s', 'helper'];
    const sandbox = process.platform === 'linux' ? ['the daemon’s sandbox'] : [];
    for (const name of [...programs, ...sandbox]) expect(stdout).toContain(`ok     ${name}\n`);
    expect(stdout).toContain(hasElectron ? 'The fuses of the program are as they have to be.' : 'the rest is not built');
    // What is in the stage is all that the installer gets: maps and the app's own archive have no place there.
    const staged = readdirSync(join(checkout, 'dist/package/stage/product'), { recursive: true, encoding: 'utf8' });
    expect(staged).toEqual(expect.arrayContaining(['dist/renderer/index.html', 'bin/telepresence']));
    expect(staged.filter((name) => /\.map$|^dist\/(main\.js|preload\.cjs)$/.test(name))).toEqual([]);
  },
  timeoutMs,
);
