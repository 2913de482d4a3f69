import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import type { KubeObject } from '../support/objects.ts';
import { createOrdinaryUser, type Rule } from '../support/ordinary-user.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

/** What `docs/rbac.md` says is the least. */
const least: readonly Rule[] = [
  { apiGroups: [''], resources: ['services'], verbs: ['get'], resourceNames: ['traffic-manager'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
  { apiGroups: [''], resources: ['pods/portforward'], verbs: ['create'] },
];

describe.skipIf(missing !== undefined)(titled('rights', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('rights');
    await bed.cluster.apply([
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'dev', namespace: bed.world.namespace } },
    ]);
  });
  afterAll(async () => {
    try {
      if (bed !== undefined) {
        await useUser(bed.context.user);
        await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values']);
      }
    } finally {
      await bed?.close();
    }
  });

  async function useUser(user: Readonly<Record<string, unknown>>): Promise<void> {
    await bed.product.quit();
    await bed.laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...bed.context, user } }));
  }

  async function everyVerbWorks(): Promise<void> {
    const { product, laptop, world } = bed;
    await product.connect();
    await curl(laptop, `http://web.${world.namespace}`);
    await product.must(['status']);
    expect((await product.must(['list'])).stdout).toContain('deployment web');
    await product.must(['version']);
    await product.must(['loglevel', 'debug', '--duration', '1m']);
    await product.must(['intercept', 'web', '--port', '8080:http']);
    await product.must(['leave', 'web']);
    await product.must(['uninstall', 'web']);
    await product.must(['uninstall', '--all-agents']);
    await product.quit();
  }

  it('are enough for every verb as the chart grants them, and no others are in its Roles than the documentation lists', async () => {
    const { cluster, world } = bed;
    const flags = [
      'create=true',
      'subjects[0].kind=ServiceAccount',
      'subjects[0].name=dev',
      `subjects[0].namespace=${world.namespace}`,
    ];
    const namespaces = `namespaces={${world.namespace}}`;
    const set = [...flags, namespaces].flatMap((flag) => ['--set', `clientRbac.${flag}`]);
    await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values', ...set]);
    const role = await cluster.find<KubeObject & { readonly rules: readonly Rule[] }>(
      'Role',
      'traffic-manager-connect',
      managerNamespace,
    );
    for (const rule of least) {
      const granted = role?.rules.find(({ resources }) => resources.join() === rule.resources.join());
      expect(granted?.verbs).toEqual(expect.arrayContaining([...rule.verbs]));
    }
    const answer = await cluster.kube.request<{ readonly status: { readonly token: string } }>({
      method: 'POST',
      path: `/api/v1/namespaces/${world.namespace}/serviceaccounts/dev/token`,
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 3600 } },
    });
    await useUser({ token: answer.status.token });
    await everyVerbWorks();
    const failure = await bed.product.fails(['helm', 'uninstall', '--namespace', managerNamespace]);
    expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
  });

  it('are enough as the least that is documented, with no right to the workloads themselves', async () => {
    const rights = { [managerNamespace]: least };
    await useUser(await createOrdinaryUser(bed.cluster, `least-${bed.world.namespace}`, bed.world.namespace, rights));
    await everyVerbWorks();
    const failure = await bed.product.fails(['list-namespaces']);
    expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
    expect(failure.words).toMatch(/namespaces[\s\S]*list/);
  });

  it.each(least.map((rule) => ({ right: `${rule.verbs.join()} ${rule.resources.join()}`, rule })))(
    'name what is missing, and the command that grants it: $right',
    async ({ rule }) => {
      const name = `without-${rule.resources.join('-').replace('/', '-')}-${bed.world.namespace}`;
      const rules = least.filter((other) => other !== rule);
      await useUser(await createOrdinaryUser(bed.cluster, name, bed.world.namespace, { [managerNamespace]: rules }));
      const failure = await bed.product.fails(['connect']);
      expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
      const [resource = '', verb = ''] = [rule.resources[0], rule.verbs[0]];
      expect(failure.words).toContain(`cannot ${verb} resource "${resource}"`);
      expect(failure.words).toMatch(
        new RegExp(`kubectl --namespace ${managerNamespace} create role \\S+ --verb=${verb} --resource=${resource}`),
      );
    },
  );
});
