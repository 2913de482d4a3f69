import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { killGroup } from '../../e2e/support/program.ts';
import type { LoadAnswer, LoadRequest, Loads } from '../programs/load.ts';

/** Command line of the program that a driver talks to. */
export const loadProgram = [process.execPath, join(import.meta.dirname, '../programs/load.ts')];

interface Pending {
  readonly resolve: (answer: LoadAnswer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Drives one load program, which stays between the loads: its code is warm, and no start of a process disturbs a figure. One that
 * does not answer in time is killed, and the next load starts another.
 */
export class LoadDriver {
  readonly #spawn: () => ChildProcess;
  readonly #pending = new Map<number, Pending>();
  #child: ChildProcess | undefined;
  #nextId = 1;

  constructor(spawn: () => ChildProcess) {
    this.#spawn = spawn;
  }

  async run<Name extends keyof Loads>(
    load: Name,
    args: Parameters<Loads[Name]>,
    timeoutMs = 20_000,
  ): Promise<Awaited<ReturnType<Loads[Name]>>> {
    const child = this.#start();
    const id = this.#nextId;
    this.#nextId += 1;
    const answered = Promise.withResolvers<LoadAnswer>();
    this.#pending.set(id, answered);
    const timer = setTimeout(() => {
      this.stop();
      answered.reject(new Error(`no result within ${timeoutMs / 1000} s`));
    }, timeoutMs);
    try {
      child.stdin?.write(`${JSON.stringify({ id, load, args } satisfies LoadRequest)}\n`);
      const { result, error } = await answered.promise;
      if (error !== undefined) throw new Error(error);
      return result as Awaited<ReturnType<Loads[Name]>>;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(id);
    }
  }

  stop(): void {
    if (this.#child !== undefined) killGroup(this.#child, 'SIGKILL');
    this.#child = undefined;
  }

  #start(): ChildProcess {
    if (this.#child !== undefined) return this.#child;
    const child = this.#spawn();
    this.#child = child;
    let errors = '';
    child.stdin?.on('error', () => undefined);
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2_000);
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const answer = JSON.parse(line) as LoadAnswer;
        this.#pending.get(answer.id)?.resolve(answer);
      });
    }
    child.on('exit', () => {
      if (this.#child === child) this.#child = undefined;
      for (const { reject } of this.#pending.values()) reject(new Error(`the load program ended: ${errors.trim()}`));
    });
    return child;
  }
}
