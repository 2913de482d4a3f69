import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { Interrupts } from './interrupts.ts';
import { runCli } from './run.ts';

const interrupts = new Interrupts(() => process.exit(130));
process.on('SIGINT', () => interrupts.raise());
process.on('SIGTERM', () => interrupts.raise());
// `telepresence list | head`: a reader that has enough is not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

const entry = fileURLToPath(import.meta.url);
const here = dirname(entry);
const isSource = entry.endsWith('.ts');
const exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  isInteractive: process.stdin.isTTY && process.stderr.isTTY,
  interrupts,
  programs: {
    daemon: isSource ? join(here, '../daemon/main.ts') : join(here, 'daemon.js'),
    helper: isSource ? join(here, '../helper/main.ts') : join(here, 'helper.js'),
    sandbox: isSource ? join(here, '../sandbox/main.ts') : join(here, 'sandbox.js'),
  },
  readStdin: () => text(process.stdin),
});
process.exit(exitCode);
