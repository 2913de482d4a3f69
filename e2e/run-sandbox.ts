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
import {
  brokenFile,
  type FileResult,
  filesToRepeat,
  readReport,
  type SuiteTotals,
  tellSuite,
  withSecond,
} from './suite-report.ts';
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
/** First in the queue, in this order, where no earlier run tells: a long file at the end has the others wait. */
const longFiles = [
  'sandbox/faults',
  'acceptance/faults',
  'intercept-faults',
  'inject-policies',
  'intercept-refusals',
  'intercept-pods',
  'upgrade',
  'rights',
  'bulk',
  'programs',
  'install',
  'cycles',
  'intercepts',
  'doctor',
  'pause',
  'errors',
];
/** Most of what the tests do is to wait; a sandbox with a laptop takes some 700 MiB. */
const sandboxCount = Math.max(6, availableParallelism());

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
      keepTotals(tellSuite([{ file: 'e2e', passed: [], failed: [], skipped: ['the acceptance suite'], repeated: [] }]));
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
  const expected = (file: string) => {
    const place = longFiles.findIndex((name) => file.includes(name));
    return durations[file] ?? (place === -1 ? 0 : (longFiles.length - place) * 1_000);
  };
  const queue = testFiles(filters).toSorted((a, b) => expected(b) - expected(a));
  let results: readonly FileResult[] = [];
  const startedAt = performance.now();
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());

  async function lane(): Promise<void> {
    const sandbox = await startSandboxProcess();
    try {
      for (let file = queue.shift(); file !== undefined && !interrupted.signal.aborted; file = queue.shift()) {
        const began = performance.now();
        const isRepeated = results.some((result) => result.file === file);
        const { result, output } = await runFile(sandbox, file, flags, interrupted.signal);
        const tookMs = Math.round(performance.now() - began);
        durations[file] = tookMs;
        if (isRepeated) results = withSecond(results, [result]);
        else results = [...results, result];
        console.log(`\n── ${file}: ${(tookMs / 1_000).toFixed(1)} s${isRepeated ? ', once more' : ''}\n${output}`);
      }
    } finally {
      await sandbox.stop();
    }
  }

  async function runLanes(): Promise<readonly FileResult[]> {
    const lanes = await Promise.allSettled(Array.from({ length: Math.min(sandboxCount, queue.length) }, lane));
    return lanes.flatMap((outcome) => (outcome.status === 'rejected' ? [brokenFile('a sandbox', String(outcome.reason))] : []));
  }

  const broken = [...(await runLanes())];
  // Somebody who wants a few of them wants to see how they fail.
  if (args.length === 0 && !interrupted.signal.aborted) {
    queue.push(...filesToRepeat(results));
    broken.push(...(await runLanes()));
  }
  if (interrupted.signal.aborted) {
    broken.push(brokenFile('the run', 'it was interrupted'));
    await sweepLaptops();
  }
  if (args.length === 0) broken.push(...unusedSkips(results).map((reason) => brokenFile('e2e/sandbox/skips.ts', reason)));
  // Of whole files only.
  if (flags.length === 0) writeFileSync(durationsFile, JSON.stringify(durations, undefined, 2));
  console.log(`\nIn ${Math.round((performance.now() - startedAt) / 1_000)} s, in ${sandboxCount} sandboxes`);
  const totals = tellSuite([...results, ...broken], whySkipped);
  keepTotals(totals);
  return totals.failed === 0 && totals.passed + totals.skipped > 0 ? 0 : 1;
}

/** For whoever started this. */
function keepTotals(totals: SuiteTotals): void {
  writeFileSync(totalsFile, JSON.stringify(totals));
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
  const reason = sandboxSkips.find((entry) => skippedFile(entry) === file && entry.test === undefined)?.reason;
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
  return { result: readReport(report)?.[0] ?? brokenFile(file, 'it ended without a report'), output: `${out}${errors}`.trim() };
}

/** Rows of the table that fit no test any more. */
function unusedSkips(results: readonly FileResult[]): readonly string[] {
  const fits = ({ test = '', ...entry }: SandboxSkip) =>
    results.some(
      ({ file, passed, failed, skipped }) =>
        file === skippedFile(entry) &&
        [...passed, ...skipped, ...failed.map(({ name }) => name)].some((name) => name.includes(test)),
    );
  return sandboxSkips.filter((entry) => !fits(entry)).map(({ file, test = 'all' }) => `no test of ${file} fits: ${test}`);
}

function whySkipped(file: string, name: string): string {
  const found = sandboxSkips.find(
    (entry) => skippedFile(entry) === file && entry.test !== undefined && name.includes(entry.test),
  );
  return found === undefined ? '' : ` (not in the sandbox: ${found.reason})`;
}

function skippedFile({ file }: Pick<SandboxSkip, 'file'>): string {
  return `e2e/acceptance/${file}.test.ts`;
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
