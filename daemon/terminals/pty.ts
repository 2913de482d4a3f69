import { createRequire } from 'node:module';
import type { IPty, IPtyForkOptions } from 'node-pty';

/** Where the package looks for its compiled part, relative to itself. */
const nativeFiles = ['build/Release/pty.node', `prebuilds/${process.platform}-${process.arch}/pty.node`];

/** Whether the compiled part of the package loads on this laptop. The rest of it is left until somebody opens a terminal. */
export function hasPty(): boolean {
  const require = createRequire(import.meta.url);
  return nativeFiles.some((file) => {
    try {
      require(`node-pty/${file}`);
      return true;
    } catch {
      return false;
    }
  });
}

/** Starts a program on a pseudo-terminal, as the leader of a session of its own. */
export async function spawnPty(file: string, args: readonly string[], options: IPtyForkOptions): Promise<IPty> {
  const { spawn } = await import('node-pty');
  return spawn(file, [...args], options);
}
