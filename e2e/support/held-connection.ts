import type { Laptop } from '../laptop/laptop.ts';
import { clientProgram } from './client-program.ts';
import { eventually } from './eventually.ts';
import { killGroup } from './program.ts';

export interface HeldConnection {
  readonly echoes: () => number;
  readonly hasEnded: () => boolean;
  /** Resolves when the connection has ended, whichever way; rejects where it hangs. */
  waitForEnd(timeoutMs: number): Promise<void>;
  stop(): void;
}

/** A program on the laptop that keeps one connection and says a line a second on it. Resolves after the first echo. */
export async function holdConnection(laptop: Laptop, host: string, port: number): Promise<HeldConnection> {
  const child = laptop.spawn(clientProgram('held-connection', host, port));
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const echoes = () => output.split('"echo"').length - 1;
  const hasEnded = () => output.includes('"closed"');
  await eventually('the connection echoes', () => {
    if (echoes() === 0) throw new Error(output);
  });
  return {
    echoes,
    hasEnded,
    waitForEnd: async (timeoutMs) => {
      await eventually(
        'the connection in flight ends',
        () => {
          if (!hasEnded()) throw new Error('it hangs');
        },
        { timeoutMs },
      );
    },
    stop: () => killGroup(child, 'SIGKILL'),
  };
}
