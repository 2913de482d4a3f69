import { runDemo } from './demo.ts';
import { demoUsage, readDemoOptions } from './demo-options.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());

try {
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const options = readDemoOptions(process.argv.slice(2), { isTerminal, uid: process.getuid?.() });
  if (options.help) console.log(demoUsage);
  else process.exitCode = await runDemo(options, interrupted.signal);
} catch (error) {
  if (!(error instanceof TypeError)) throw error;
  console.error(`${error.message}\n\n${demoUsage}`);
  process.exitCode = 2;
}
