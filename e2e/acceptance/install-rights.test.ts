import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { documentedRoles, rulesWithout } from '../support/documented-roles.ts';
import { eventually } from '../support/eventually.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import { createOrdinaryUser, type Rule, removeRights, wholeCluster } from '../support/ordinary-user.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

const documented = documentedRoles().find(({ name }) => name === 'traffic-manager-install')?.rules ?? [];

/** What removal needs, in the order in which it removes. */
const removed = [
  'deployments',
  'mutatingwebhookconfigurations',
  'services',
  'secrets',
  'configmaps',
  'rolebindings',
  'roles',
  'clusterrolebindings',
  'clusterroles',
  'serviceaccounts',
];

interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
}

const rights: readonly Right[] = documented.flatMap(({ apiGroups: [group = ''], resources, verbs }) =>
  resources.flatMap((resource) => verbs.map((verb) => ({ group, resource, verb }))),
);

/** Somebody who is no administrator, with the ClusterRole of `docs/rbac.md`. */
describe.skipIf(missing !== undefined)(titled('install-rights', missing), () => {
  let bed: Bed;
  let name = '';

  beforeAll(async () => {
    bed = await createBed('install-rights', { isWorldEmpty: true, isWithoutManager: true });
    const { cluster, product, laptop, world, context } = bed;
    if ((await cluster.find('Deployment', 'traffic-manager', managerNamespace)) !== undefined) await product.uninstall();
    await eventually('the namespace can be used', async () => {
      await cluster.apply([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: managerNamespace } }]);
      const namespace = await cluster.find('Namespace', managerNamespace);
      expect(namespace?.metadata.deletionTimestamp).toBeUndefined();
    });
    name = `installer-${world.namespace}`;
    const user = await createOrdinaryUser(cluster, name, world.namespace, { [wholeCluster]: documented });
    await laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...context, user } }));
  });
  afterAll(async () => {
    try {
      if (bed !== undefined) {
        await bed.laptop.writeFile('.kube/config', kubeconfigText({ e2e: bed.context }));
        await bed.product.run(['helm', 'uninstall', '--namespace', managerNamespace]);
        await bed.product.ensureManager(bed.cluster);
        await removeRights(bed.cluster, name, wholeCluster);
      }
    } finally {
      await bed?.close();
    }
  });

  async function isAllowed({ group, resource, verb }: Right): Promise<boolean> {
    const user = `system:serviceaccount:${bed.world.namespace}:${name}`;
    const resourceAttributes = { group, resource, verb, namespace: managerNamespace };
    const review = await bed.cluster.kube.request<{ readonly status: { readonly allowed: boolean } }>({
      method: 'POST',
      path: '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec: { user, resourceAttributes } },
    });
    return review.status.allowed;
  }

  /** The API server hears of changed rights a moment later. */
  async function give(rules: readonly Rule[], without?: Right): Promise<void> {
    await createOrdinaryUser(bed.cluster, name, bed.world.namespace, { [wholeCluster]: rules });
    await eventually('rights are as they should be', async () => {
      for (const right of rights) {
        const isLeftOut = right.resource === without?.resource && right.verb === without.verb;
        expect(await isAllowed(right), `${right.verb} ${right.resource}`).toBe(!isLeftOut);
      }
    });
  }

  async function failsFor(command: string, { group, resource, verb }: Right): Promise<void> {
    const failure = await bed.product.fails(['helm', command, '--namespace', managerNamespace], { timeoutMs: 60_000 });
    const what = `${verb} ${resource}\n${failure.words}`;
    expect(failure, what).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
    expect(failure.words, what).toContain(`${verb} ${resource}${group === '' ? '' : `.${group}`} in `);
    expect(failure.words, what).toMatch(/kubectl|administrator/);
  }

  it.each(rights.filter(({ verb }) => verb !== 'delete'))('name what is missing to install: $verb $resource', async (right) => {
    await give(rulesWithout(documented, right.resource, right.verb), right);
    await failsFor('install', right);
    await give(documented);
    expect(await bed.cluster.find('Deployment', 'traffic-manager', managerNamespace)).toBeUndefined();
    expect(await bed.cluster.find('ConfigMap', 'traffic-manager', managerNamespace)).toBeUndefined();
  });

  it('are enough to install and to upgrade; what is missing to remove is named, and a removal goes on later', {
    timeout: 180_000,
  }, async () => {
    await give(documented);
    await bed.product.must(['helm', 'install', '--namespace', managerNamespace], { timeoutMs: 60_000 });
    await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace], { timeoutMs: 60_000 });
    const toRemove = removed.map((resource) => rights.find((right) => right.resource === resource && right.verb === 'delete'));
    for (const right of toRemove) {
      if (right === undefined) throw new Error('the documentation does not list all that removal needs');
      await give(rulesWithout(documented, right.resource, 'delete'), right);
      await failsFor('uninstall', right);
    }
    await give(documented);
    await bed.product.must(['helm', 'uninstall', '--namespace', managerNamespace], { timeoutMs: 60_000 });
    expect(await bed.cluster.find('ServiceAccount', 'traffic-manager', managerNamespace)).toBeUndefined();
  });
});
