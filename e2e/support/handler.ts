import type { ChildProcess } from 'node:child_process';
import type { Laptop } from '../laptop/laptop.ts';
import { clientProgram } from './client-program.ts';
import { eventually } from './eventually.ts';
import { killGroup } from './program.ts';

/** A program on the laptop that serves ports in the place of workloads. */
export interface Handler {
  readonly child: ChildProcess;
  stop(): void;
}

/** Resolves when all of the ports (`8080`, `9001/UDP`) listen. */
export async function startHandler(laptop: Laptop, ports: readonly (string | number)[], name = 'laptop'): Promise<Handler> {
  const child = laptop.spawn(clientProgram('handler', '--name', name, ...ports));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  await eventually(
    'the handler listens',
    () => {
      if (!output.includes('ready')) throw new Error(output);
    },
    { intervalMs: 20 },
  );
  return { child, stop: () => killGroup(child, 'SIGKILL') };
}
