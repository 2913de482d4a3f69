import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from '#base/node/until-aborted.ts';
import { bundleProgram } from '../shop/bundle-program.ts';
import { products, shopNamespace, shopObjects } from '../shop/shop-objects.ts';
import { DemoCluster } from './demo-cluster.ts';
import { demoEnvironment, endFormerDemos, keepDemoDirectory, makeDemoDirectory } from './demo-directory.ts';
import type { DemoOptions } from './demo-options.ts';
import { compareMachineStates, readMachineState } from './machine-state.ts';
import { Narrator, sideBySide } from './narrator.ts';
import { pageText } from './page-text.ts';
import { Telepresence } from './telepresence.ts';

const checkout = join(import.meta.dirname, '../..');
const managerNamespace = 'ambassador';
const stepCount = 9;
const changeTimeoutMs = 30_000;
/** So many steps of undoing there are before the sandbox is up. */
const undoOfSandbox = 2;

/** What the sandbox tells of itself. */
interface SandboxUp {
  readonly kubeconfig: string;
  readonly context: string;
}

/** @returns the exit code: 0 only where every step's check held. */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<number> {
  await endFormerDemos(checkout);
  const directory = makeDemoDirectory();
  const before = await readMachineState();
  const undo: (() => Promise<unknown>)[] = [];
  let isWell = false;
  let isClusterGone = false;
  try {
    await runSteps(options, directory, undo, signal);
    isWell = true;
  } catch (error) {
    console.error(signal.aborted ? '\nInterrupted.' : `\n${error instanceof Error ? error.message : String(error)}`);
    isClusterGone = options.context === undefined && !(await isSandboxUp(directory));
    if (isClusterGone && undo.length > undoOfSandbox) console.error('The sandbox ended in the middle of it.');
  }
  if (isWell && options.keep) {
    keepDemoDirectory(directory);
    console.log(`\nEverything is still up. Settings of this demo are in ${directory}.`);
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
  const changes = compareMachineStates(before, await readMachineState());
  if (changes.length > 0) console.error(`The machine is not as before:\n${changes.join('\n')}`);
  else console.log('Interfaces, routes, rules, packet filter and resolver of this machine are as before.');
  return isWell && changes.length === 0 ? 0 : 1;
}

async function isSandboxUp(directory: string): Promise<boolean> {
  const telepresence = new Telepresence(checkout, demoEnvironment(directory));
  return (await telepresence.json<{ readonly running: boolean }>(['sandbox', 'status'])).running;
}

async function runSteps(
  options: DemoOptions,
  directory: string,
  undo: (() => Promise<unknown>)[],
  signal: AbortSignal,
): Promise<void> {
  const narrator = new Narrator(stepCount, options.yes ? undefined : signal);
  const own = demoEnvironment(directory);
  let telepresence = new Telepresence(checkout, own);
  let kubeconfig: string | undefined;
  let { context } = options;

  await narrator.step(
    context === undefined
      ? 'Start a sandbox: a stand-in for a cluster, which is not Kubernetes'
      : `Use the cluster of ${context}`,
    context === undefined ? 'telepresence sandbox up' : undefined,
    async (say) => {
      if (context === undefined) undo.push(() => telepresence.must(['sandbox', 'down']));
      // Last of all but that, for every other command starts a daemon where there is none.
      undo.push(() => telepresence.must(['quit', '--stop-daemons']));
      if (context !== undefined) return;
      const up = await telepresence.json<SandboxUp>(['sandbox', 'up'], { signal });
      ({ kubeconfig, context } = up);
      telepresence = new Telepresence(checkout, { ...own, KUBECONFIG: kubeconfig });
      say(`KUBECONFIG=${kubeconfig}`);
    },
  );
  const cluster = new DemoCluster(kubeconfig, context);
  const kube = context === undefined ? [] : ['--context', context];

  await narrator.step('Install the traffic-manager', 'telepresence helm install', async (say) => {
    if ((await cluster.imageOf(managerNamespace, 'traffic-manager')) !== undefined) {
      say('There is one already.');
      return;
    }
    undo.push(async () => {
      // An installation that was interrupted puts back itself what it had made.
      if ((await cluster.imageOf(managerNamespace, 'traffic-manager')) === undefined) return;
      await telepresence.must(['helm', 'uninstall', ...kube]);
    });
    say((await telepresence.must(['helm', 'install', ...kube], { signal })).trim());
  });

  await narrator.step('Deploy a small shop: web → cart → catalogue → stock', undefined, async (say) => {
    if (await cluster.hasNamespace(shopNamespace)) throw new Error(`There is a namespace "${shopNamespace}" already`);
    undo.push(() => cluster.removeNamespace(shopNamespace));
    const image = await cluster.imageOf(managerNamespace, 'traffic-manager');
    if (image === undefined) throw new Error('The traffic-manager is gone');
    const objects = await shopObjects(image, randomBytes(12).toString('hex'));
    await cluster.apply(objects);
    await cluster.waitUntilReady(objects, signal);
    say('Four services, HTTP, gRPC and a WebSocket; the catalogue has an environment, a secret and a volume.');
  });

  const mode = options.rootless ? ['--rootless'] : [];
  await narrator.step(
    options.rootless
      ? 'Connect, without root: what telepresence shell runs is in the cluster'
      : 'Connect: every program of this machine is in the cluster',
    ['telepresence connect --namespace', shopNamespace, ...mode].join(' '),
    async (say) => {
      // There may be no connection to end, or not any more.
      undo.push(() => telepresence.run(['quit']));
      say((await telepresence.must(['connect', '--namespace', shopNamespace, ...kube, ...mode], { signal })).trim());
    },
  );

  const page = async () =>
    pageText(await telepresence.must(['shell', '--', process.execPath, '-e', fetchScript, 'http://web'], { signal }));
  let first = '';
  await narrator.step('Open the shop by its name', 'telepresence shell -- curl http://web', async (say) => {
    first = await page();
    if (!first.includes('catalogue v1')) throw new Error(`This is not the shop:\n${first}`);
    say(first);
  });

  const handler = await startHandler(telepresence, directory, undo, narrator, signal);
  await narrator.step(
    'Open the shop again: the catalogue on this machine answered',
    'telepresence shell -- curl http://web',
    async (say) => {
      const changed = await until(page, (text) => text.includes('catalogue v2'), signal);
      say(sideBySide(first, changed));
    },
  );

  await narrator.step('Leave: the cluster’s own catalogue answers again', 'telepresence leave catalogue', async (say) => {
    await telepresence.must(['leave', 'catalogue'], { signal });
    await untilAborted(handler.ended, signal);
    const last = await until(page, (text) => text.includes('catalogue v1'), signal);
    if (withoutServer(last) !== withoutServer(first)) throw new Error(`The shop is not as before:\n${last}`);
    say('The page is as before.');
  });

  await narrator.step('Quit', options.keep ? undefined : 'telepresence quit --stop-daemons', async (say) => {
    if (!options.keep) {
      await telepresence.must(['quit', '--stop-daemons'], { signal });
      return;
    }
    const env = Object.entries({ ...own, ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }) });
    say(`export ${env.map(([name, value]) => `${name}=${value}`).join(' ')}`);
    say('telepresence list\ntelepresence shell\ntelepresence intercept catalogue --port 8080');
    say('At the end: telepresence quit -s && telepresence sandbox down');
  });
}

/** The changed catalogue, on this machine, with the environment that the one in the cluster has. */
async function startHandler(
  telepresence: Telepresence,
  directory: string,
  undo: (() => Promise<unknown>)[],
  narrator: Narrator,
  signal: AbortSignal,
): Promise<ReturnType<Telepresence['start']>> {
  const program = join(directory, 'catalogue.cjs');
  const productsFile = join(directory, 'products.json');
  writeFileSync(program, await bundleProgram('catalogue-next'));
  // Volumes do not come to the laptop yet, so the developer has a file of their own.
  writeFileSync(productsFile, JSON.stringify(products));
  const port = await freePort();
  const command = ['env', `PORT=${port}`, `PRODUCTS_FILE=${productsFile}`, process.execPath, program];
  let handler: ReturnType<Telepresence['start']> | undefined;
  await narrator.step(
    'Intercept the catalogue with a version that has a sale',
    `telepresence intercept catalogue --port ${port}:http -- node catalogue-next.js`,
    async (say) => {
      const started = telepresence.start([
        'intercept',
        'catalogue',
        '--port',
        `${port}:http`,
        '--wait-message',
        'The handler runs.',
        '--',
        ...command,
      ]);
      handler = started;
      undo.push(() => started.stop());
      const isOver = started.ended.then((code) => {
        throw new Error(`The intercept ended with ${code}\n${started.output()}`);
      });
      isOver.catch(() => undefined);
      const isRunning = (text: string) => text.includes('The handler runs.');
      await Promise.race([until(async () => started.output(), isRunning, signal), isOver]);
      say(started.output().trim());
    },
  );
  if (handler === undefined) throw new Error('The handler was not started');
  return handler;
}

const fetchScript =
  'fetch(process.argv[1]).then(async (answer) => { process.stdout.write(await answer.text()); process.exitCode = answer.ok ? 0 : 1; })';

/** Pods are replaced when the agent comes into them, so that the name of the last line is another. */
function withoutServer(text: string): string {
  return text.split('\n').slice(0, -1).join('\n');
}

async function until(read: () => Promise<string>, isThere: (text: string) => boolean, signal: AbortSignal): Promise<string> {
  const end = performance.now() + changeTimeoutMs;
  for (;;) {
    const text = await read();
    if (isThere(text)) return text;
    signal.throwIfAborted();
    if (performance.now() > end) throw new Error(`It stayed like this for ${changeTimeoutMs / 1_000} s:\n${text}`);
    await sleep(200);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
