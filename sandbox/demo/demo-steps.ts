import { randomBytes } from 'node:crypto';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { untilAborted } from '#base/node/until-aborted.ts';
import { bundleProgram } from '../shop/bundle-program.ts';
import { clubFingerprint } from '../shop/club.ts';
import { deployShop } from '../shop/deploy-shop.ts';
import type { Catalogue } from '../shop/products.ts';
import { shopNamespace } from '../shop/shop-objects.ts';
import { DemoCluster } from './demo-cluster.ts';
import { demoEnvironment } from './demo-directory.ts';
import type { DemoOptions } from './demo-options.ts';
import { interceptCatalogue } from './intercept-catalogue.ts';
import { Narrator, sideBySide } from './narrator.ts';
import { pageText } from './page-text.ts';
import { environmentFaults, saleFaults } from './shop-checks.ts';
import { Telepresence } from './telepresence.ts';
import { until } from './until.ts';
import { visit } from './visit.ts';
import { commandName, wayOn } from './way-on.ts';

export interface DemoRun {
  readonly options: DemoOptions;
  readonly checkout: string;
  readonly directory: string;
  /** What has to be done, last first, to undo the steps so far. */
  readonly undo: (() => Promise<unknown>)[];
  readonly signal: AbortSignal;
}

/** What the sandbox tells of itself. */
interface SandboxUp {
  readonly kubeconfig: string;
  readonly context: string;
}

const managerNamespace = 'ambassador';
const stepCount = 9;
/** Of the shop's catalogue, as `shop-objects.ts` has it. */
const shopTitle = 'Tea for two';

/** @throws Error where a step's check does not hold. */
export async function runSteps({ options, checkout, directory, undo, signal }: DemoRun): Promise<void> {
  const narrator = new Narrator(stepCount, options.yes ? undefined : signal);
  const own = demoEnvironment(directory);
  let telepresence = new Telepresence(checkout, own);
  let kubeconfig: string | undefined;
  let { context } = options;

  const cluster = await narrator.step(
    context === undefined
      ? 'Start a sandbox: a stand-in for a cluster, which is not Kubernetes'
      : `Use the cluster of ${context}`,
    context === undefined ? 'telepresence sandbox up' : undefined,
    async (say) => {
      if (context === undefined) undo.push(() => telepresence.must(['sandbox', 'down']));
      // Last of all but that, for every other command starts a daemon where there is none.
      undo.push(() => telepresence.must(['quit', '--stop-daemons']));
      if (context !== undefined) return new DemoCluster(undefined, context);
      const up = await telepresence.json<SandboxUp>(['sandbox', 'up'], { signal });
      ({ kubeconfig, context } = up);
      telepresence = new Telepresence(checkout, { ...own, KUBECONFIG: kubeconfig });
      say(`KUBECONFIG=${kubeconfig}`);
      return new DemoCluster(kubeconfig, context);
    },
  );
  const kube = context === undefined ? [] : ['--context', context];

  const hasInstalled = await narrator.step('Install the traffic-manager', 'telepresence helm install', async (say) => {
    if ((await cluster.imageOf(managerNamespace, 'traffic-manager')) !== undefined) {
      say('There is one already.');
      return false;
    }
    undo.push(async () => {
      // An installation that was interrupted puts back itself what it had made.
      if ((await cluster.imageOf(managerNamespace, 'traffic-manager')) === undefined) return;
      await telepresence.must(['helm', 'uninstall', ...kube]);
    });
    say((await telepresence.must(['helm', 'install', ...kube], { signal })).trim());
    return true;
  });

  const clubToken = randomBytes(12).toString('hex');
  await narrator.step('Deploy a small shop: web → cart → catalogue → stock', undefined, async (say) => {
    if (await cluster.hasNamespace(shopNamespace)) throw new Error(`There is a namespace "${shopNamespace}" already`);
    undo.push(() => cluster.removeNamespace(shopNamespace));
    const image = await cluster.imageOf(managerNamespace, 'traffic-manager');
    if (image === undefined) throw new Error('The traffic-manager is gone');
    const client = cluster.openClient();
    try {
      const remedies = [{ label: 'Look at its pods', command: `kubectl --namespace ${shopNamespace} get pods` }];
      await deployShop({ client, image, programOf: bundleProgram, clubToken, remedies, signal, onStage: () => undefined });
    } finally {
      client.close();
    }
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

  const bodies = async (...urls: readonly string[]) => (await visit(telepresence, urls, signal)).map(({ body }) => body);
  const page = async () => pageText((await bodies('http://web'))[0] ?? '');
  const catalogue = async () => JSON.parse((await bodies('http://catalogue'))[0] ?? '') as Catalogue;

  const [first, original] = await narrator.step(
    'Open the shop, by its name and by its addresses',
    'telepresence shell -- curl http://web',
    async (say) => {
      const text = await page();
      if (!text.includes('catalogue v1')) throw new Error(`This is not the shop:\n${text}`);
      say(`${text}\n`);
      const service = await cluster.serviceAddress(shopNamespace, 'web');
      const pod = await cluster.podAddress(shopNamespace, 'web');
      const places = { name: 'http://web', 'full name': `http://web.${shopNamespace}.svc.cluster.local`, Service: service, pod };
      const visits = await visit(telepresence, Object.values(places), signal);
      for (const [index, [kind, url]] of Object.entries(places).entries()) {
        const { from, status, body } = visits[index] ?? { from: '', status: 0, body: '' };
        if (pageText(body) !== text) throw new Error(`${url} answers with something else:\n${pageText(body)}`);
        say(`${kind.padEnd(10)} ${url.padEnd(36)} TCP to ${from}, HTTP ${status}`);
      }
      const [message = ''] = await bodies('ws://web/live');
      const { total } = JSON.parse(message) as { readonly total: number };
      if (!text.includes(`Your cart: ${total.toFixed(2)}`)) throw new Error(`The WebSocket has another total: ${message}`);
      say(`${'WebSocket'.padEnd(10)} ${'ws://web/live'.padEnd(36)} ${message}`);
      return [text, await catalogue()] as const;
    },
  );

  const handler = await interceptCatalogue({ telepresence, directory, undo, narrator, signal });
  await narrator.step(
    'Open the shop again: the catalogue on this machine answered',
    'telepresence shell -- curl http://web',
    async (say) => {
      const changed = await until(page, (text) => text.includes('catalogue v2'), signal);
      say(sideBySide(first, changed));
      const now = await catalogue();
      const expected = { title: shopTitle, club: clubFingerprint(clubToken) };
      const faults = [...saleFaults(original, now), ...environmentFaults(now, expected)];
      if (faults.length > 0) throw new Error(`The catalogue on this machine is not as it should be: ${faults.join('; ')}`);
      say('\nThe prices are those of the sale; SHOP_TITLE and the secret CLUB_TOKEN of the pod are in the environment here.');
    },
  );

  await narrator.step('Leave: the cluster’s own catalogue answers again', 'telepresence leave catalogue', async (say) => {
    await telepresence.must(['leave', 'catalogue'], { signal });
    await untilAborted(handler.ended, signal);
    const last = await until(page, (text) => text.includes('catalogue v1'), signal);
    if (withoutServer(last) !== withoutServer(first)) throw new Error(`The shop is not as before:\n${last}`);
    say('The page is as before.');
  });

  if (options.keep) {
    await narrator.step('Keep everything up', undefined, async (say) => {
      const { stdout } = await telepresence.run(['status'], { signal });
      if (!stdout.includes(shopNamespace)) throw new Error(`The connection is not up any more:\n${stdout}`);
      const lines = wayOn({
        command: commandName(checkout, process.env['PATH'] ?? ''),
        environment: { ...own, ...(kubeconfig === undefined ? {} : { KUBECONFIG: kubeconfig }) },
        directory,
        kubeconfig: kubeconfig ?? process.env['KUBECONFIG'] ?? join(homedir(), '.kube/config'),
        context: options.context,
        rootless: options.rootless,
        hasInstalled,
        shopNamespace,
      });
      say(lines.join('\n'));
    });
    return;
  }
  await narrator.step('Quit', 'telepresence quit --stop-daemons', async () => {
    await telepresence.must(['quit', '--stop-daemons'], { signal });
  });
}

/** Pods are replaced when the agent comes into them, so that the name of the last line is another. */
function withoutServer(text: string): string {
  return text.split('\n').slice(0, -1).join('\n');
}
