import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { assertNever } from '#base/common/assert-never.ts';
import { sweepLaptops } from './laptop/laptop.ts';
import { findRootRights } from './sandbox/root-rights.ts';
import { type SandboxProcess, startSandboxProcess } from './sandbox/sandbox-process.ts';
import { type SandboxSkip, sandboxSkips } from './sandbox/skips.ts';
import { checkout } from './support/settings.ts';

/**
 * Runs the acceptance suite against sandboxes instead of a real cluster. Files do not run side by side in one cluster, for they change its
 * traffic-manager; a few sandboxes beside each other take the files from one queue, those that took longest last time first.
 *
 * An ordinary user is root in namespaces of his own for that; where the system does not let him, the suite is one test that was skipped.
 */
const cache = join(checkout, '.cache/sandbox');
const durationsFile = join(cache, 'durations.json');
const totalsFile = join(cache, 'totals.json');
const folders = ['e2e/acceptance', 'e2e/sandbox'];
/** First in the queue where no earlier run tells, for a long file at the end has the others wait. */
const longFiles = [
  'acceptance/faults',
  'sandbox/faults',
  'cycles',
  'bulk',
  'intercept-refusals',
  'intercept-faults',
  'intercept-pods',
];
/** Most of what the tests do is to wait. */
const sandboxCount = Math.max(3, availableParallelism());

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      /** Of all tries. */
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

interface FileResult {
  /** Of all tests, `file: name`. */
  readonly names: readonly string[];
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
  /** Passed, but not at once. */
  readonly repeated: readonly string[];
}

/** Resolves to the exit code. */
export async function runInSandboxes(args: readonly string[]): Promise<number> {
  mkdirSync(cache, { recursive: true });
  const rights = await findRootRights();
  switch (rights.kind) {
    case 'own':
      return await runSuite(args);
    case 'namespaces':
      return await runAgain(rights.prefix, args);
    case 'missing':
      console.log(`The acceptance suite in sandboxes (skipped: ${rights.reason})`);
      tellTotals({ passed: 0, failed: 0, skipped: 1 });
      return 0;
    default:
      return assertNever(rights);
  }
}

/** The same program, with what it needs. */
async function runAgain(prefix: readonly string[], args: readonly string[]): Promise<number> {
  const [program = '', ...rest] = [...prefix, process.execPath, join(checkout, 'e2e/run.ts'), '--sandbox', ...args];
  const child = spawn(program, rest, { cwd: checkout, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => child.kill(signal));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function runSuite(args: readonly string[]): Promise<number> {
  // The only flag of vitest with a value that people give to a suite.
  const isFlag = (argument: string, index: number) => argument.startsWith('-') || args[index - 1] === '-t';
  const flags = args.filter(isFlag);
  const filters = args.filter((argument, index) => !isFlag(argument, index));
  const durations = readDurations();
  const expected = (file: string) => durations[file] ?? (longFiles.some((name) => file.includes(name)) ? Infinity : 0);
  const queue = testFiles(filters).toSorted((a, b) => expected(b) - expected(a));
  const results: FileResult[] = [];
  const startedAt = performance.now();
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());

  async function lane(): Promise<void> {
    const sandbox = await startSandboxProcess();
    try {
      for (let file = queue.shift(); file !== undefined && !interrupted.signal.aborted; file = queue.shift()) {
        const began = performance.now();
        const { result, output } = await runFile(sandbox, file, flags, interrupted.signal);
        const tookMs = Math.round(performance.now() - began);
        durations[file] = tookMs;
        results.push(result);
        console.log(`\n── ${file}: ${(tookMs / 1_000).toFixed(1)} s\n${output}`);
      }
    } finally {
      await sandbox.stop();
    }
  }

  const lanes = await Promise.allSettled(Array.from({ length: Math.min(sandboxCount, queue.length) }, lane));
  const broken = lanes.flatMap((outcome) => (outcome.status === 'rejected' ? [`a sandbox: ${String(outcome.reason)}`] : []));
  if (interrupted.signal.aborted) {
    broken.push('the run was interrupted');
    await sweepLaptops();
  }
  if (args.length === 0) broken.push(...unusedSkips(results.flatMap(({ names }) => names)));
  // Of whole files only.
  if (flags.length === 0) writeFileSync(durationsFile, JSON.stringify(durations, undefined, 2));
  const failed = [...results.flatMap((result) => result.failed), ...broken];
  const skipped = results.flatMap((result) => result.skipped);
  const passed = results.reduce((sum, result) => sum + result.passed, 0);
  if (skipped.length > 0) console.log(`\nSkipped:\n${skipped.map((name) => `  ${name}`).join('\n')}`);
  const repeated = results.flatMap((result) => result.repeated);
  if (repeated.length > 0) console.log(`\nPassed, but not at once:\n${repeated.map((name) => `  ${name}`).join('\n')}`);
  if (failed.length > 0) console.log(`\nFailed:\n${failed.map((name) => `  ${name}`).join('\n')}`);
  console.log(`\nIn ${Math.round((performance.now() - startedAt) / 1_000)} s, in ${lanes.length} sandboxes`);
  tellTotals({ passed, failed: failed.length, skipped: skipped.length });
  return failed.length === 0 && passed + skipped.length > 0 ? 0 : 1;
}

function tellTotals(totals: { readonly passed: number; readonly failed: number; readonly skipped: number }): void {
  writeFileSync(totalsFile, JSON.stringify(totals));
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
}

async function runFile(
  sandbox: SandboxProcess,
  file: string,
  flags: readonly string[],
  signal: AbortSignal,
): Promise<{ readonly result: FileResult; readonly output: string }> {
  const name = file.replace('e2e/', '').replace('.test.ts', '');
  const report = join(cache, `${name.replaceAll('/', '-')}.json`);
  rmSync(report, { force: true });
  const vitest = join(checkout, 'node_modules/vitest/vitest.mjs');
  const config = join(checkout, 'e2e/vitest.config.ts');
  const [program = '', ...rest] = sandbox.inside([
    process.execPath,
    vitest,
    'run',
    '--config',
    config,
    `--outputFile.json=${report}`,
    file,
    ...flags,
  ]);
  const reason = sandboxSkips.find((entry) => skippedFile(entry) === name && entry.test === undefined)?.reason;
  const child = spawn(program, rest, {
    cwd: checkout,
    env: {
      ...process.env,
      ...sandbox.environment,
      ...(reason === undefined ? {} : { E2E_SKIP: `not in the sandbox: ${reason}` }),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  // With the processes in which the tests run: a laptop is swept away only once its owner has ended.
  const end = () => process.kill(-(child.pid ?? 0), 'SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  const [out, errors] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  signal.removeEventListener('abort', end);
  return { result: readResult(name, report), output: `${out}${errors}`.trim() };
}

function readResult(name: string, file: string): FileResult {
  if (!existsSync(file)) return { names: [], passed: 0, failed: [`${name}: ended without a report`], skipped: [], repeated: [] };
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const named = (status: (status: string) => boolean) =>
    tests.filter((test) => status(test.status)).map(({ fullName }) => `${name}: ${fullName}${whySkipped(name, fullName)}`);
  // A file whose preparation failed has no failed test, and must not look well.
  const broken = report.testResults
    .filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.some((test) => test.status === 'failed'))
    .map(({ message }) => `${name}: ${message?.split('\n')[0] ?? 'could not be loaded'}`);
  return {
    names: tests.map(({ fullName }) => `${name}: ${fullName}`),
    passed: report.numPassedTests,
    failed: [...tests.filter(({ status }) => status === 'failed').map(({ fullName }) => `${name}: ${fullName}`), ...broken],
    repeated: tests
      .filter(({ status, failureMessages = [] }) => status === 'passed' && failureMessages.length > 0)
      .map(({ fullName, failureMessages = [] }) => `${name}: ${fullName} (${failureMessages[0]?.split('\n')[0]})`),
    skipped: named((status) => status !== 'passed' && status !== 'failed'),
  };
}

function whySkipped(file: string, fullName: string): string {
  const found = sandboxSkips.find(
    (entry) => skippedFile(entry) === file && entry.test !== undefined && fullName.includes(entry.test),
  );
  return found === undefined ? '' : ` (not in the sandbox: ${found.reason})`;
}

/** Rows of the table that fit no test any more. */
function unusedSkips(names: readonly string[]): readonly string[] {
  const fits = (entry: SandboxSkip) =>
    names.some((name) => name.startsWith(`${skippedFile(entry)}: `) && name.includes(entry.test ?? ''));
  return sandboxSkips
    .filter((entry) => !fits(entry))
    .map(({ file, test = 'all' }) => `skips.ts names no test of ${file}: ${test}`);
}

function skippedFile({ file }: SandboxSkip): string {
  return `acceptance/${file}`;
}

function testFiles(filters: readonly string[]): readonly string[] {
  return folders
    .flatMap((folder) => readdirSync(join(checkout, folder)).map((name) => `${folder}/${name}`))
    .filter((file) => file.endsWith('.test.ts') && (filters.length === 0 || filters.some((filter) => file.includes(filter))));
}

function readDurations(): Record<string, number> {
  if (!existsSync(durationsFile)) return {};
  return JSON.parse(readFileSync(durationsFile, 'utf8')) as Record<string, number>;
}
