import { type LayoutResult, result, runProgram } from './layout-program.ts';

/** Whether the daemon serves the window to a browser: the page, and each file that the page names. */
export async function checkWindow(command: string, env: NodeJS.ProcessEnv): Promise<readonly LayoutResult[]> {
  const name = 'telepresence ui';
  const printed = await runProgram(command, ['ui', '--no-open', '--output', 'json'], env);
  const address = /"url": "(http:[^"#]+)#token=/.exec(printed.output)?.[1];
  if (address === undefined) return [result(name, printed, () => false)];
  try {
    const page = await load(address);
    const files = [...page.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, file = '']) => new URL(file, address).href);
    if (files.length === 0) return [{ name, problem: `This is not the page: ${page.slice(0, 600)}` }];
    for (const file of files) await load(file);
    return [{ name }];
  } catch (error) {
    return [{ name, problem: String(error) }];
  }
}

async function load(address: string): Promise<string> {
  const answer = await fetch(address, { signal: AbortSignal.timeout(10_000) });
  const text = await answer.text();
  if (!answer.ok || text === '') throw new Error(`${address} was answered with ${answer.status} and ${text.length} characters`);
  return text;
}
