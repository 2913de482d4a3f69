import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { KubeClient } from '#net/kube/kube-client.ts';
import { SmallCluster } from './testing/small-cluster.ts';
import { publishAuthorities, webhookCertificate } from './webhook-certificate.ts';

const dayMs = 86_400_000;
const never = new AbortController().signal;

describe('the certificate of the webhook', () => {
  let cluster: SmallCluster;
  let kube: KubeClient;
  beforeEach(async () => {
    cluster = new SmallCluster({});
    kube = await cluster.start();
  });
  afterEach(async () => await cluster.stop());

  const ask = async (now = Date.now(), namespace = 'ambassador') => await webhookCertificate(kube, namespace, never, now);

  it('is made once, and kept in the Secret', async () => {
    const made = await ask();
    expect(await ask()).toEqual(made);
    expect(await ask(Date.now() + 200 * dayMs)).toEqual(made);
  });

  it('is made anew when a third of its time is left', async () => {
    const made = await ask();
    const renewed = await ask(Date.now() + 250 * dayMs);
    expect(renewed.certificate).not.toBe(made.certificate);
    expect(renewed.ca).not.toBe(made.ca);
  });

  it('is made anew when that in the Secret is damaged', async () => {
    const made = await ask();
    const path = '/api/v1/namespaces/ambassador/secrets/mutator-webhook-tls';
    const secret = cluster.objects.get(path);
    cluster.objects.set(path, {
      metadata: { name: 'x', resourceVersion: '7' },
      data: { ...(secret?.['data'] as object), 'tls.key': 'AAAA' },
    });
    expect((await ask()).certificate).not.toBe(made.certificate);
  });

  it('is that of whoever wrote first', async () => {
    const [first, second] = await Promise.all([ask(), ask()]);
    expect(second).toEqual(first);
  });

  it('is told to the API server with all authorities that count', async () => {
    await publishAuthorities(kube, 'ambassador', ['one\n', 'two\n'], never);
    expect(cluster.caBundle).toBe('one\ntwo\n');
  });

  it('needs the Secret of the chart', async () => {
    await expect(ask(Date.now(), 'elsewhere')).rejects.toMatchObject({ status: 404 });
  });
});
