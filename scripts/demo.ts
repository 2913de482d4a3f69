import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { checkout } from './checkout.ts';

// npm run demo: builds what is stale, and shows what the product does. Ctrl-C reaches the demo by itself, which cleans up.
process.on('SIGINT', () => undefined);
const main = join(checkout, 'sandbox/demo/main.ts');
const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
const [code] = (await once(child, 'exit')) as [number | null];
process.exitCode = code ?? 1;
