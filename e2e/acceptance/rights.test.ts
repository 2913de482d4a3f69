import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed, curl } from '../support/bed.ts';
import { documentedRoles, rulesWithout } from '../support/documented-roles.ts';
import { eventually } from '../support/eventually.ts';
import { kubeconfigText } from '../support/kubeconfig.ts';
import type { KubeObject } from '../support/objects.ts';
import { createOrdinaryUser, type Rule, removeRights, userOfAccount, wholeCluster } from '../support/ordinary-user.ts';
import type { Failure } from '../support/product.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';

const missing = missingForProduct();
const { managerNamespace } = settings;

type Rights = Readonly<Record<string, readonly Rule[]>>;

/** One right of a documented Role. `place` is the page's word for a namespace. */
interface Right {
  readonly place: string | undefined;
  readonly resource: string;
  readonly verb: string;
}

function rightsOf(role: string): readonly (Right & { readonly right: string })[] {
  return documentedRoles()
    .filter(({ name }) => name === role)
    .flatMap(({ namespace: place, rules }) =>
      rules.flatMap(({ resources, verbs }) =>
        resources.flatMap((resource) =>
          verbs.map((verb) => ({ place, resource, verb, right: `${verb} ${resource} in ${place ?? 'the cluster'}` })),
        ),
      ),
    );
}

/** What `docs/rbac.md` says that each command needs. */
describe.skipIf(missing !== undefined)(titled('rights', missing), () => {
  let bed: Bed;
  const users = new Set<string>();

  beforeAll(async () => {
    bed = await createBed('rights');
    const metadata = { name: 'dev', namespace: bed.world.namespace };
    await bed.cluster.apply([{ apiVersion: 'v1', kind: 'ServiceAccount', metadata }]);
  });
  afterAll(async () => {
    try {
      if (bed !== undefined) {
        await useUser(bed.context.user);
        await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values']);
        for (const name of users) {
          for (const where of [managerNamespace, wholeCluster]) await removeRights(bed.cluster, name, where);
        }
      }
    } finally {
      await bed?.close();
    }
  });

  async function useUser(user: Readonly<Record<string, unknown>>): Promise<void> {
    await bed.product.quit();
    await bed.laptop.writeFile('.kube/config', kubeconfigText({ e2e: { ...bed.context, user } }));
  }

  function placed(place: string | undefined): string {
    if (place === undefined) return wholeCluster;
    return place === 'ambassador' ? managerNamespace : bed.world.namespace;
  }

  /** What documented Roles give together, without one of their rights. */
  function rights(names: readonly string[], without?: Right): Rights {
    const found: Record<string, readonly Rule[]> = {};
    for (const { name, namespace, rules } of documentedRoles()) {
      if (!names.includes(name)) continue;
      const isLacking = without !== undefined && name === names.at(-1) && namespace === without.place;
      const kept = isLacking ? rulesWithout(rules, without.resource, without.verb) : rules;
      found[placed(namespace)] = [...(found[placed(namespace)] ?? []), ...kept];
    }
    return found;
  }

  /** Gives somebody these rights, and no others. */
  async function grant(name: string, given: Rights): Promise<Readonly<Record<string, unknown>>> {
    const account = `${name}-${bed.world.namespace}`;
    users.add(account);
    const none = { [managerNamespace]: [], [bed.world.namespace]: [] };
    return await createOrdinaryUser(bed.cluster, account, bed.world.namespace, { ...none, ...given });
  }

  /** It says what is missing, and how an administrator grants it. */
  function isNamed(failure: Pick<Failure, 'words'>, { place, resource, verb }: Right): void {
    const namespace = placed(place);
    expect(failure.words).toContain(`cannot ${verb} resource "${resource}"`);
    const kind = place === undefined ? 'create clusterrole' : `--namespace ${namespace} create role`;
    expect(failure.words).toMatch(new RegExp(`kubectl ${kind} \\S+ --verb=\\S*${verb}\\S* --resource=${resource}`));
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
    await product.must(['pause']);
    await product.must(['resume']);
    await product.must(['leave', 'web']);
    await product.must(['gather-logs', '--output-file', join(laptop.home, 'logs.zip')]);
    await product.must(['doctor', 'rbac', 'manager']);
    await product.must(['uninstall', 'web']);
    await product.must(['uninstall', '--all-agents']);
    await product.quit();
  }

  it('are enough for every verb as the chart grants them, which are those of the documentation', async () => {
    const { cluster, world } = bed;
    await useUser(bed.context.user);
    const flags = [
      'create=true',
      'subjects[0].kind=ServiceAccount',
      'subjects[0].name=dev',
      `subjects[0].namespace=${world.namespace}`,
    ];
    const namespaces = `namespaces={${world.namespace}}`;
    const set = [...flags, namespaces].flatMap((flag) => ['--set', `clientRbac.${flag}`]);
    await bed.product.must(['helm', 'upgrade', '--namespace', managerNamespace, '--reset-values', ...set]);
    const name = 'traffic-manager-connect';
    const role = await cluster.find<KubeObject & { readonly rules: readonly Rule[] }>('Role', name, managerNamespace);
    for (const rule of documentedRoles().find((documented) => documented.name === name)?.rules ?? []) {
      const granted = role?.rules.find(({ resources }) => resources.join() === rule.resources.join());
      expect(granted?.verbs).toEqual(expect.arrayContaining([...rule.verbs]));
    }
    await useUser(await userOfAccount(cluster, 'dev', world.namespace));
    await everyVerbWorks();
    const failure = await bed.product.fails(['helm', 'uninstall', '--namespace', managerNamespace]);
    expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
  });

  it('are enough as the least that is documented, with no right to the workloads themselves', async () => {
    await useUser(await grant('least', rights(['traffic-manager-connect'])));
    await everyVerbWorks();
  });

  it('are not needed for what does not touch the cluster', async () => {
    await useUser(await grant('nothing', {}));
    await bed.product.must(['list-contexts']);
    await bed.product.must(['config', 'view']);
    await bed.product.must(['helm', 'lint']);
    await bed.product.must(['helm', 'version']);
    await bed.product.must(['helm', 'install', '--dry-run']);
    await bed.product.must(['completion', 'bash']);
    await bed.product.must(['version']);
  });

  it.each(rightsOf('traffic-manager-connect'))(
    'to connect name what is missing, and the command that grants it: $right',
    async (right) => {
      const name = `without-${right.resource.replace('/', '-')}`;
      await useUser(await grant(name, rights(['traffic-manager-connect'], right)));
      const failure = await bed.product.fails(['connect']);
      expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
      isNamed(failure, right);
    },
  );

  it('to read logs are enough as documented, and each that is missing is named', { timeout: 180_000 }, async () => {
    const names = ['traffic-manager-connect', 'traffic-manager-logs'];
    const gather = ['gather-logs', '--get-pod-yaml', '--daemons', 'None', '--output-file', join(bed.laptop.home, 'logs.zip')];
    await useUser(await grant('logs', rights(names)));
    await bed.product.connect();
    await bed.product.must(['intercept', 'web', '--port', '8080:http']);
    await bed.product.must(['leave', 'web']);
    await eventually('nothing is missing', async () => expect((await bed.product.must(gather)).stderr).not.toContain('cannot'));
    for (const right of rightsOf('traffic-manager-logs')) {
      // What connecting takes is there by the other Role.
      if (rightsOf('traffic-manager-connect').some((other) => other.right === right.right)) continue;
      await grant('logs', rights(names, right));
      await eventually(right.right, async () => isNamed({ words: (await bed.product.must(gather)).stderr }, right));
    }
  });

  it('to revoke are enough as documented, and each that is missing is named', async () => {
    const names = ['traffic-manager-connect', 'traffic-manager-revoke'];
    await useUser(await grant('revoke', rights(names)));
    await bed.product.connect();
    const engage = ['intercept', 'web', '--port', '8080:http', '--detailed-output'];
    const { id } = await bed.product.json<{ readonly id: string }>(engage);
    for (const right of rightsOf('traffic-manager-revoke')) {
      await grant('revoke', rights(names, right));
      const failure = await eventually(right.right, async () => {
        const failed = await bed.product.fails(['revoke', id]);
        isNamed(failed, right);
        return failed;
      });
      expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
    }
    await grant('revoke', rights(names));
    await eventually('it may', async () => await bed.product.must(['revoke', id]));
    await bed.product.must(['leave', 'web']);
  });

  it('to list namespaces are enough as documented; the one that is missing is named', async () => {
    const name = 'traffic-manager-namespaces';
    await useUser(await grant('lister', rights(['traffic-manager-connect'])));
    const failure = await bed.product.fails(['list-namespaces']);
    expect(failure).toMatchObject({ code: 'cluster.forbidden', exitCode: 5 });
    for (const right of rightsOf(name)) isNamed(failure, right);
    await grant('lister', rights([name]));
    const listed = await eventually('it may', async () => await bed.product.must(['list-namespaces']));
    expect(listed.stdout).toContain(bed.world.namespace);
  });
});
