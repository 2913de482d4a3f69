import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { productVersion } from '#base/common/version.ts';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { KubeTarget } from '../kube/kubeconfig.ts';
import { agentRight, clientRights, isAllowed } from '../workloads/access-review.ts';
import { probeManager } from '../workloads/manager-probe.ts';
import type { DoctorContext } from './doctor-context.ts';
import { type Finding, failed, failedBy, notApplicable, passed, warned } from './finding.ts';
import { findProgram } from './laptop-checks.ts';

/** Programs that log in to clusters: found, and able to. */
export async function checkAuthPlugin({ cluster, env, callerEnv }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const target = await cluster.target();
  const plugin = target.authPlugin;
  if (plugin === undefined) return notApplicable(`Context ${target.context} logs in without a program`);
  try {
    await cluster.ask(async ({ credentials }) => await credentials.requestOptions(), signal);
    return passed(`${plugin} logs in`);
  } catch (error) {
    signal.throwIfAborted();
    const finding = failedBy(error);
    const isMissing = AppError.from(error).code === 'kubeconfig.auth-plugin-missing';
    const there = isMissing ? await findProgram(plugin, callerEnv) : undefined;
    if (there === undefined || (await findProgram(plugin, env)) !== undefined) return finding;
    return failed(`${plugin} is on your PATH (${there}), but not on the daemon's, which was started elsewhere`, [
      { label: 'Restart the daemon from this terminal', command: 'telepresence quit -s' },
    ]);
  }
}

/** Tokens and certificates are refused by then at the latest. */
const maxSkewMs = 300_000;
const noticeableSkewMs = 30_000;

/** The clock against the API server's, by the date in its answer. */
export async function checkClock({ cluster }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const skewMs = await cluster.ask(async (_client, target) => await clockSkewMs(target, signal), signal);
  if (skewMs === undefined) return notApplicable('The API server does not tell the time');
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  // The date is of whole seconds.
  if (seconds <= 2) return passed('It agrees with that of the API server');
  const text = `It is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} that of the API server`;
  const remedies = [{ label: 'Have the clock set from the network', command: 'sudo timedatectl set-ntp true' }];
  if (Math.abs(skewMs) > maxSkewMs) return failed(`${text}: tokens and certificates will be refused`, remedies);
  return Math.abs(skewMs) > noticeableSkewMs ? warned(text, remedies) : passed(text);
}

/** Positive: this computer's is ahead. */
async function clockSkewMs({ server, credentials }: KubeTarget, signal: AbortSignal): Promise<number | undefined> {
  const options = await credentials.requestOptions();
  const url = new URL(`${server.pathname.replace(/\/$/, '')}/version`, server);
  const request = (url.protocol === 'https:' ? https : http).get(url, { ...options, signal });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  const now = Date.now();
  response.resume();
  const date = Date.parse(response.headers.date ?? '');
  return Number.isNaN(date) ? undefined : now - date;
}

/** A round trip that takes longer than this is felt with every step. */
const slowMs = 500;

export async function checkApi({ cluster }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const { server } = await cluster.target();
  const get = async (client: KubeClient) =>
    await client.request<{ gitVersion?: string }>({ method: 'GET', path: '/version', signal });
  const { gitVersion = 'of unknown version' } = await cluster.ask(get, signal);
  const startedAt = performance.now();
  await cluster.ask(get, signal);
  const roundTripMs = Math.round(performance.now() - startedAt);
  const text = `${server.href.replace(/\/$/, '')} is Kubernetes ${gitVersion}, ${roundTripMs} ms away`;
  return roundTripMs > slowMs ? warned(text, [{ label: 'Look for a slow VPN or proxy on the way' }]) : passed(text);
}

export async function checkManager({ cluster, managerNamespace }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const namespace = managerNamespace(await cluster.target());
  const found = await cluster.ask(async (client) => await probeManager(client, namespace, signal), signal);
  switch (found.kind) {
    case 'unknown':
      return warned(`You may not look for it in namespace ${namespace}`, [
        { label: 'Have the rights of every user installed', command: 'telepresence helm upgrade --set clientRbac.create=true' },
      ]);
    case 'none':
      return failed(`There is none in namespace ${namespace}`, [
        { label: 'Install it', command: 'telepresence helm install' },
        { label: 'Or name the namespace where it is, with --manager-namespace' },
      ]);
    case 'not-ready':
      return failed(`The one in namespace ${namespace} is not ready: ${found.reason}`, [
        { label: 'Look at its pod', command: `kubectl --namespace ${namespace} describe pods --selector app=traffic-manager` },
      ]);
    case 'ready': {
      const text = `Version ${found.version === '' ? 'unknown' : found.version} in namespace ${namespace}`;
      // Others than ours are numbered otherwise.
      const isOurs = found.version.startsWith('0.');
      if (!isOurs || found.version === productVersion) return passed(text);
      return warned(`${text}; this is version ${productVersion}`, [
        { label: 'Make them the same', command: 'telepresence helm upgrade' },
      ]);
    }
  }
}

/** What a connect and an intercept ask of the API server, with this user's rights. */
export async function checkRights(
  { cluster, managerNamespace, connection }: DoctorContext,
  signal: AbortSignal,
): Promise<Finding> {
  const target = await cluster.target();
  const manager = managerNamespace(target);
  const namespace = connection?.namespace ?? target.namespace;
  const rights = [...clientRights(manager), agentRight(namespace)];
  const answers = await Promise.all(
    rights.map(async (right) => ({ right, allowed: await cluster.ask((client) => isAllowed(client, right, signal), signal) })),
  );
  const missing = answers.filter(({ allowed }) => !allowed).map(({ right }) => right);
  if (missing.length === 0)
    return passed(`You may do all that it takes in namespaces ${[...new Set([manager, namespace])].join(' and ')}`);
  const text = missing.map((right) => `${right.verb} ${right.resource} in namespace ${right.namespace ?? ''}`).join(', ');
  // The last is for the direct way to agents only.
  const isNeeded = missing.some((right) => right.namespace === manager);
  const remedies = [
    { label: 'Have the rights of every user installed', command: 'telepresence helm upgrade --set clientRbac.create=true' },
  ];
  return isNeeded
    ? failed(`You may not ${text}`, remedies)
    : warned(`You may not ${text}: traffic takes the way by the traffic-manager`, remedies);
}

interface WebhookConfiguration {
  readonly webhooks?: readonly {
    readonly clientConfig?: {
      readonly caBundle?: string;
      readonly service?: { readonly name?: string; readonly namespace?: string };
    };
  }[];
}

interface EndpointSlices {
  readonly items?: readonly { readonly endpoints?: readonly { readonly conditions?: { readonly ready?: boolean } }[] }[];
}

/** What puts agents into pods: registered, with a certificate that holds, and somebody behind it. */
export async function checkWebhook({ cluster, managerNamespace }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const namespace = managerNamespace(await cluster.target());
  const name = `agent-injector-webhook-${namespace}`;
  const path = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${name}`;
  const found = await cluster.ask(async (client) => await wrapped(client.find<WebhookConfiguration>(path, signal)), signal);
  if (found.forbidden) return notApplicable('You may not look at it: only administrators may');
  const webhook = found.value?.webhooks?.[0]?.clientConfig;
  const upgrade = { label: 'Put it back', command: 'telepresence helm upgrade' };
  if (webhook === undefined) return failed(`There is no ${name}: no agents come into pods`, [upgrade]);
  const { service, caBundle = '' } = webhook;
  const expiry = authorityExpiry(caBundle);
  if (expiry === undefined) return failed(`${name} has no certificate authority yet`, [upgrade]);
  if (expiry.getTime() < Date.now())
    return failed(`The certificate authority of ${name} ended on ${expiry.toDateString()}`, [upgrade]);
  const slices = await cluster.ask(
    async (client) =>
      await wrapped(
        client.request<EndpointSlices>({
          method: 'GET',
          path: `/apis/discovery.k8s.io/v1/namespaces/${service?.namespace ?? namespace}/endpointslices`,
          query: { labelSelector: `kubernetes.io/service-name=${service?.name ?? 'agent-injector'}` },
          signal,
        }),
      ),
    signal,
  );
  const until = `its certificate authority holds until ${expiry.toDateString()}`;
  if (slices.forbidden) return passed(`It is registered, and ${until}`);
  const isServed = slices.value?.items?.some(({ endpoints }) => endpoints?.some(({ conditions }) => conditions?.ready === true));
  if (isServed === true) return passed(`It is registered and served, and ${until}`);
  return failed(`Nobody serves ${name}: no agents come into pods`, [
    { label: 'Look at the traffic-manager', command: `kubectl --namespace ${namespace} get pods` },
  ]);
}

async function wrapped<T>(
  answer: Promise<T>,
): Promise<{ readonly forbidden: true } | { readonly forbidden: false; readonly value: T }> {
  try {
    return { forbidden: false, value: await answer };
  } catch (error) {
    if (error instanceof KubeStatusError && error.status === 403) return { forbidden: true };
    throw error;
  }
}

/** Of the one that holds longest. */
function authorityExpiry(caBundle: string): Date | undefined {
  const pem = Buffer.from(caBundle, 'base64').toString();
  const dates = [...pem.matchAll(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)].flatMap(([text]) => {
    try {
      return [new Date(new X509Certificate(text).validTo)];
    } catch {
      return [];
    }
  });
  return dates.sort((a, b) => b.getTime() - a.getTime())[0];
}
