import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { namespaceCommand } from '#base/node/enter-namespace.ts';

const timeoutMs = 2_000;

/** Asks the system's resolver library in the namespaces of a process. */
const script =
  'require("node:dns").lookup(process.argv[1], { all: true }, (error) => { if (error) { console.error(error.message); process.exit(1); } })';

/** @throws Error with what the resolver said. */
export async function lookUpInside(pid: number, name: string): Promise<void> {
  const visitor = { uid: 0, gid: 0, directory: '/' };
  const [file = '', ...args] = namespaceCommand(pid, [process.execPath, '-e', script, name], visitor);
  await promisify(execFile)(file, args, { timeout: timeoutMs, env: {} });
}
