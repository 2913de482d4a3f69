import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { demoEnvironment, endFormerDemos, keepDemoDirectory, makeDemoDirectory } from './demo-directory.ts';
import type { DemoOptions } from './demo-options.ts';
import { runSteps } from './demo-steps.ts';
import { asBefore, compareMachineStates, readMachineState } from './machine-state.ts';
import { Telepresence } from './telepresence.ts';

const checkout = join(import.meta.dirname, '../..');
/** So many steps of undoing there are before the sandbox is up. */
const undoOfSandbox = 2;

/** @returns the exit code: 0 only where every step's check held. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  await endFormerDemos(checkout);
  const directory = makeDemoDirectory();
  const before = await readMachineState();
  const undo: (() => Promise<unknown>)[] = [];
  let isWell = false;
  let isClusterGone = false;
  try {
    await runSteps({ options, checkout, directory, undo, signal });
    // A step that noticed nothing of it may have been the last.
    signal.throwIfAborted();
    isWell = true;
  } catch (error) {
    console.error(signal.aborted ? '\nInterrupted.' : `\n${error instanceof Error ? error.message : String(error)}`);
    isClusterGone = options.context === undefined && !(await isSandboxUp(directory));
    if (isClusterGone && undo.length > undoOfSandbox) console.error('The sandbox ended in the middle of it.');
  }
  if (isWell && options.keep) {
    keepDemoDirectory(directory);
    return 0;
  }
  console.log('\nCleaning up');
  for (const step of undo.toReversed()) {
    await step().catch((error: unknown) => {
      isWell = false;
      // What was to be removed there is gone with it.
      if (isClusterGone) return;
      console.error(error instanceof Error ? error.message : String(error));
    });
  }
  rmSync(directory, { recursive: true, force: true });
  const comparison = compareMachineStates(before, await readMachineState());
  const { changes } = comparison;
  if (changes.length > 0) console.error(`The machine is not as before:\n${changes.join('\n')}`);
  else console.log(asBefore(comparison));
  return isWell && changes.length === 0 ? 0 : 1;
}

async function isSandboxUp(directory: string): Promise<boolean> {
  const telepresence = new Telepresence(checkout, demoEnvironment(directory));
  return (await telepresence.json<{ readonly running: boolean }>(['sandbox', 'status'])).running;
}
