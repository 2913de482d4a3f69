import { X509Certificate } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeServerCertificate } from '#base/node/certificates/server-certificate.ts';
import { hasAgent, livePods, onlyPod, podEssence } from '../support/agent-pods.ts';
import { type Bed, createBed } from '../support/bed.ts';
import { askHttp } from '../support/cluster-caller.ts';
import { eventually } from '../support/eventually.ts';
import { type Handler, startHandler } from '../support/handler.ts';
import { objectSnapshot } from '../support/object-snapshot.ts';
import type { KubeObject } from '../support/objects.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { bundleProgram } from '../workloads/bundle.ts';
import { deployment, programConfigMap, service } from '../workloads/manifests.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

const webhook = `agent-injector-webhook-${managerNamespace}`;
const secret = 'mutator-webhook-tls';

/** What belongs to the traffic-manager as a whole: its policies, its webhook, and how it goes. */
describe.skipIf(missing !== undefined)(titled('inject-policies', missing), () => {
  let bed: Bed;
  let namespace: string;
  let handler: Handler | undefined;

  beforeAll(async () => {
    bed = await createBed('inject-policies', { isWorldEmpty: true });
    namespace = bed.world.namespace;
    await bed.cluster.apply([
      programConfigMap(namespace, 'app', await bundleProgram('app')),
      ...workload('plain'),
      ...workload('other'),
      ...workload('asking', { 'telepresence.io/inject-traffic-agent': 'enabled' }),
    ]);
    for (const name of ['plain', 'other', 'asking']) await bed.cluster.readyPods(namespace, name);
    handler = await startHandler(bed.laptop, [8080, 8081]);
    await bed.product.connect();
  });
  afterAll(async () => {
    handler?.stop();
    try {
      await bed?.product.ensureManager(bed.cluster);
      await bed?.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values']);
    } finally {
      await bed?.close();
    }
  });

  function workload(name: string, annotations?: Readonly<Record<string, string>>): readonly KubeObject[] {
    const http = { name: 'http', port: 8080 };
    return [
      deployment(namespace, name, {
        program: 'app',
        ports: [http],
        readiness: { httpGet: { path: '/', port: 'http' } },
        ...(annotations === undefined ? {} : { annotations }),
      }),
      service(namespace, name, [{ ...http, port: 80, targetPort: 'http' }]),
    ];
  }

  async function ask(name: string): Promise<string> {
    return await askHttp(await bed.cluster.clusterIp(namespace, name), 80);
  }

  async function upgrade(...values: readonly string[]): Promise<void> {
    const flags = values.flatMap((value) => ['--set', value]);
    await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values', ...flags]);
    await bed.product.waitForState('on', 30_000);
  }

  async function intercepts(name: string, laptopPort = 8080): Promise<void> {
    await bed.product.must(['intercept', name, '--port', `${laptopPort}:http`]);
    expect(await ask(name)).toBe(`laptop ${laptopPort} /x`);
  }

  async function caBundle(): Promise<string> {
    const found = await bed.cluster.find('MutatingWebhookConfiguration', webhook);
    const [entry] = (found?.['webhooks'] ?? []) as { readonly clientConfig: { readonly caBundle: string } }[];
    return entry?.clientConfig.caBundle ?? '';
  }

  it('goes on with a certificate that is replaced while it runs', async () => {
    await intercepts('plain');
    const before = await caBundle();
    await bed.cluster.kube.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${managerNamespace}/secrets/${secret}`,
      contentType: 'application/merge-patch+json',
      body: { data: null },
    });
    await intercepts('other', 8081);
    expect(await caBundle()).not.toBe(before);
    expect(await ask('plain')).toBe('laptop 8080 /x');
    for (const name of ['plain', 'other']) await bed.product.must(['leave', name]);
    await bed.product.must(['uninstall', 'plain', 'other']);
  });

  async function patchWebhook(clientConfig: unknown): Promise<void> {
    await bed.cluster.kube.request({
      method: 'PATCH',
      path: `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${webhook}`,
      contentType: 'application/strategic-merge-patch+json',
      body: { webhooks: [{ name: 'agent-injector.telepresence.io', clientConfig }] },
    });
  }

  /** As after years without a traffic-manager. */
  async function expireCertificate(): Promise<void> {
    const yearMs = 365 * 86_400_000;
    const host = `agent-injector.${managerNamespace}.svc`;
    const options = { issuer: 'Telepresence agent injector', dnsNames: [host], validForMs: yearMs, now: Date.now() - 2 * yearMs };
    const { ca, certificate, key } = makeServerCertificate(options);
    const encode = (text: string) => Buffer.from(text).toString('base64');
    await bed.cluster.kube.request({
      method: 'PATCH',
      path: `/api/v1/namespaces/${managerNamespace}/secrets/${secret}`,
      contentType: 'application/merge-patch+json',
      body: { data: { 'ca.crt': encode(ca), 'tls.crt': encode(certificate), 'tls.key': encode(key) } },
    });
    await patchWebhook({ caBundle: encode(ca) });
  }

  /** The one in the Secret has time left, and the API server has been told of its authority. */
  async function certificateIsGood(): Promise<void> {
    const found = (await bed.cluster.find('Secret', secret, managerNamespace)) as
      | { readonly data?: Readonly<Record<string, string>> }
      | undefined;
    const [certificate = '', ca = ''] = ['tls.crt', 'ca.crt'].map((key) =>
      Buffer.from(found?.data?.[key] ?? '', 'base64').toString(),
    );
    expect(Date.parse(new X509Certificate(certificate).validTo)).toBeGreaterThan(Date.now());
    expect(Buffer.from(await caBundle(), 'base64').toString()).toContain(ca);
  }

  it('replaces a certificate that has expired: with the next intercept at once, otherwise by itself', async () => {
    await expireCertificate();
    const doctor = await bed.product.run(['doctor', 'webhook']);
    expect(doctor.stdout).toMatch(/FAIL .*certificate authority .* ended on .*\n\s*do: .*telepresence helm upgrade/);
    await intercepts('plain');
    await certificateIsGood();
    await bed.product.must(['doctor', 'webhook']);
    await bed.product.must(['leave', 'plain']);

    await expireCertificate();
    await eventually('it is renewed', certificateIsGood, { timeoutMs: 45_000 });
    await bed.product.must(['uninstall', 'plain']);
    await intercepts('plain');
    await bed.product.must(['leave', 'plain']);
    await bed.product.must(['uninstall', 'plain']);
  });

  it('says that the webhook was not called, and leaves the pods as they are', async () => {
    await onlyPod(bed.cluster, namespace, 'plain');
    const patch = async (port: number) => await patchWebhook({ service: { port } });
    await patch(8);
    try {
      const failure = await bed.product.fails(['intercept', 'plain', '--port', '8080:http']);
      expect(failure).toMatchObject({ code: 'agent.failed', exitCode: 6 });
      expect(failure.words).toMatch(/webhook[\s\S]*agent-injector/);
    } finally {
      await patch(443);
    }
    await eventually('the pod runs', async () => expect(await ask('plain')).toContain('"pod":"plain-'));
    expect((await livePods(bed.cluster, namespace, 'plain')).map(hasAgent)).toEqual([false]);
  });

  it('says that the image cannot be pulled, and brings the pods back', async () => {
    const manager = (value: string) => ({
      spec: { template: { spec: { containers: [{ name: 'traffic-manager', env: [{ name: 'AGENT_IMAGE', value }] }] } } },
    });
    await bed.cluster.kube.request({
      method: 'PATCH',
      path: `/apis/apps/v1/namespaces/${managerNamespace}/deployments/traffic-manager`,
      contentType: 'application/strategic-merge-patch+json',
      body: manager('registry.invalid/agent:0.0.0'),
    });
    await eventually('the new traffic-manager is alone', async () => {
      const pods = await bed.cluster.pods(managerNamespace, 'app=traffic-manager');
      expect(pods).toHaveLength(1);
      expect(JSON.stringify(pods)).toContain('registry.invalid');
    });
    await bed.product.waitForState('on', 30_000);
    const failure = await bed.product.fails(['intercept', 'plain', '--port', '8080:http']);
    expect(failure).toMatchObject({ code: 'agent.failed', exitCode: 6 });
    expect(failure.words).toMatch(/registry\.invalid\/agent:0\.0\.0|ImagePull/);
    await eventually('the pod is as before', async () => {
      expect((await livePods(bed.cluster, namespace, 'plain')).map(hasAgent)).toEqual([false]);
      expect(await ask('plain')).toContain('"pod":"plain-');
    });
  });

  it('gives agents to those alone who ask for them (WhenEnabled), or to nobody (Never)', async () => {
    await upgrade('agentInjector.injectPolicy=WhenEnabled');
    const failure = await bed.product.fails(['intercept', 'plain', '--port', '8080:http']);
    expect(failure.code).toBe('workload.not-interceptable');
    expect(failure.words).toContain('telepresence.io/inject-traffic-agent: enabled');
    await intercepts('asking');
    await bed.product.must(['leave', 'asking']);

    await upgrade('agentInjector.injectPolicy=Never');
    const never = await bed.product.fails(['intercept', 'asking', '--port', '8080:http']);
    expect(never.code).toBe('workload.not-interceptable');
    expect(never.words).toContain('injectPolicy');
    const [pod] = await livePods(bed.cluster, namespace, 'asking');
    await bed.cluster.delete('Pod', pod?.metadata.name ?? '', namespace, 0);
    expect(hasAgent(await onlyPod(bed.cluster, namespace, 'asking'))).toBe(false);
  });

  it('refuses what takes an init container where none may be', async () => {
    await upgrade('agent.initContainer.enabled=false');
    await bed.cluster.apply([service(namespace, 'other', [{ name: 'http', port: 80, targetPort: 8080 }])]);
    const failure = await bed.product.fails(['intercept', 'other', '--port', '8080:http']);
    expect(failure.code).toBe('workload.not-interceptable');
    expect(failure.words).toMatch(/initContainer[\s\S]*targetPort is a name/);
    await intercepts('plain');
    await bed.product.must(['leave', 'plain']);
    await bed.product.must(['uninstall', '--all-agents']);
  });

  /** Everything cluster-wide, and what is in the namespaces that matter here. */
  async function objects(): Promise<readonly string[]> {
    const mine = new Set(['', managerNamespace, namespace]);
    return (await objectSnapshot(bed.cluster.kube, (name) => !mine.has(name))).filter(
      (object) => !/^(namespaces|pods|events) /.test(object),
    );
  }

  it.each([
    ['uninstall --everything', ['uninstall', '--everything']],
    ['helm uninstall', ['helm', 'uninstall', '--namespace', managerNamespace]],
  ])('leaves nothing of itself when it goes by "%s" with agents in place', async (_, args) => {
    await bed.product.run(['quit']);
    await bed.product.run(['helm', 'uninstall', '--namespace', managerNamespace]);
    await bed.cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: managerNamespace } }]);
    const before = await objects();
    const podBefore = podEssence(await onlyPod(bed.cluster, namespace, 'plain'));
    expect(JSON.stringify(podBefore)).not.toContain('traffic-agent');
    await bed.product.install();
    await bed.product.connect();
    await intercepts('plain');
    await bed.product.must(args);
    await eventually('pods and objects are as before', async () => {
      expect(podEssence(await onlyPod(bed.cluster, namespace, 'plain'))).toEqual(podBefore);
      expect((await objects()).filter((object) => !before.includes(object))).toEqual([]);
    });
    expect(before.filter((object) => !object.startsWith('serviceaccounts'))).toEqual(
      (await objects()).filter((object) => !object.startsWith('serviceaccounts')),
    );
    await bed.product.quit();
  });
});
