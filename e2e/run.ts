import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runInSandboxes } from './run-sandbox.ts';
import { brokenFile, type FileResult, filesToRepeat, readReport, tellSuite, withSecond } from './suite-report.ts';
import { Cluster } from './support/cluster.ts';
import { importImage } from './support/images.ts';
import { readKubeContext } from './support/kubeconfig.ts';
import { mustRun } from './support/program.ts';
import { checkout, missingForBed, settings } from './support/settings.ts';

/**
 * npm run test:cluster -- [--no-image] [FILE-PART…] [vitest flags]
 *
 * Runs the acceptance suite against the cluster of KUBECONFIG, or against one that it starts and takes down again.
 *
 * node e2e/run.ts --sandbox [FILE-PART…] [vitest flags]
 *
 * Runs it against sandboxes, which need no Kubernetes.
 */
const clusterScript = join(checkout, 'e2e/kubernetes/cluster.sh');
const reportFile = join(checkout, '.cache/e2e-report.json');
/** For whoever started this. */
const totalsFile = join(checkout, '.cache/e2e-totals.json');
let isInterrupted = false;

async function main(): Promise<number> {
  const args = process.argv.slice(2);
  if (args.includes('--sandbox')) return await runInSandboxes(args.filter((argument) => argument !== '--sandbox'));
  const isImageWanted = !args.includes('--no-image');
  const filters = args.filter((argument) => argument !== '--no-image');
  const own = settings.kubeconfig === undefined ? await startCluster() : undefined;
  try {
    Object.assign(process.env, own);
    const missing = own === undefined ? missingForBed() : undefined;
    if (missing !== undefined) console.log(`The bed is not complete (${missing}): the tests skip and say so.`);
    else await prepare(own?.['KUBECONFIG'] ?? settings.kubeconfig ?? '', isImageWanted);
    return await runTests(filters);
  } finally {
    if (own !== undefined) await run([clusterScript, 'down'], own);
  }
}

/** Starts a cluster and returns the environment that names it; undefined where that cannot be done here. */
async function startCluster(): Promise<Record<string, string> | undefined> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    console.log('KUBECONFIG is not set, and only root on Linux can start a cluster: the tests skip and say so.');
    return undefined;
  }
  console.log('KUBECONFIG is not set: starting a cluster for this run.');
  const code = await run([clusterScript, 'up'], {});
  if (code !== 0) throw new Error(`the cluster could not be started: cluster.sh up ended with ${code}`);
  return {
    KUBECONFIG: join(settings.clusterState, 'kubeconfig'),
    CLUSTER_STATE: settings.clusterState,
  };
}

async function prepare(kubeconfig: string, isImageWanted: boolean): Promise<void> {
  const cluster = new Cluster(readKubeContext(kubeconfig));
  await cluster.sweepNamespaces();
  cluster.close();
  await buildProduct();
  if (isImageWanted) await bringImage();
}

/** The command of a checkout builds itself where its sources are newer; the laptop's user may not write there. */
async function buildProduct(): Promise<void> {
  const code = await run([settings.product, 'helm', 'version'], {});
  if (code !== 0) throw new Error(`${settings.product} does not start: it ended with ${code}`);
}

/** Builds the product's image, and brings it into the cluster's nodes. */
async function bringImage(): Promise<void> {
  const script = join(checkout, 'scripts/image.ts');
  if (!existsSync(script))
    throw new Error('scripts/image.ts is missing: the image cannot be built. --no-image runs the tests without it');
  console.log('Building the image …');
  const code = await run([process.execPath, script], {});
  if (code !== 0) throw new Error(`the image could not be built: scripts/image.ts ended with ${code}`);
  const archives = (await mustRun(['find', join(checkout, 'dist/image'), '-name', '*.tar']))
    .split('\n')
    .filter((path) => path !== '');
  if (archives.length === 0) throw new Error('scripts/image.ts left no archive in dist/image');
  for (const archive of archives) await importImage(archive);
}

async function runTests(args: readonly string[]): Promise<number> {
  const first = await runVitest(args);
  if (first === undefined) throw new Error('vitest ended without a report');
  // Somebody who wants a few of them wants to see how they fail.
  const files = args.length === 0 ? filesToRepeat(first) : [];
  let results = first;
  if (files.length > 0 && !isInterrupted) {
    console.log(`\nOnce more, with beds of their own: ${files.join(', ')}`);
    results = withSecond(first, (await runVitest(files)) ?? []);
  }
  const totals = tellSuite(results);
  writeFileSync(totalsFile, JSON.stringify(totals));
  return totals.failed === 0 && totals.passed + totals.skipped > 0 ? 0 : 1;
}

async function runVitest(args: readonly string[]): Promise<readonly FileResult[] | undefined> {
  mkdirSync(join(checkout, '.cache'), { recursive: true });
  rmSync(reportFile, { force: true });
  const vitest = join(checkout, 'node_modules/vitest/vitest.mjs');
  const code = await run([process.execPath, vitest, 'run', '--config', join(checkout, 'e2e/vitest.config.ts'), ...args], {});
  const results = readReport(reportFile);
  // An error outside of every test.
  if (code !== 0 && results !== undefined && results.every(({ failed }) => failed.length === 0))
    return [...results, brokenFile('vitest', `it ended with ${code}`)];
  return results;
}

async function run(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<number> {
  const [program = '', ...rest] = argv;
  const child = spawn(program, rest, { cwd: checkout, env: { ...process.env, ...env }, stdio: 'inherit' });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

// Ctrl-C reaches vitest, too, which ends; the cluster is taken down after that.
process.on('SIGINT', () => {
  isInterrupted = true;
});
try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.log('0 passed, 1 failed, 0 skipped');
  process.exitCode = 1;
}
