import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import type { Rule } from './ordinary-user.ts';
import { checkout } from './settings.ts';

/** A Role or ClusterRole as `docs/rbac.md` has it. */
export interface DocumentedRole {
  readonly name: string;
  /** Of the page: `ambassador`, or `shop` for those to work in. Absent: the whole cluster. */
  readonly namespace?: string;
  readonly rules: readonly Rule[];
}

interface RoleObject {
  readonly kind: 'Role' | 'ClusterRole';
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly Rule[];
}

/** What `docs/rbac.md` says people need: the page is tested as it is read. */
export function documentedRoles(): readonly DocumentedRole[] {
  const text = readFileSync(join(checkout, 'docs/rbac.md'), 'utf8');
  return [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)]
    .flatMap(([, block = '']) => parseAllDocuments(block))
    .map((document) => document.toJS() as RoleObject)
    .map(({ metadata: { name, namespace }, rules }) => ({ name, rules, ...(namespace === undefined ? {} : { namespace }) }));
}

/** The rules without one verb of one resource. */
export function rulesWithout(rules: readonly Rule[], resource: string, verb: string): readonly Rule[] {
  return rules.flatMap((rule) => {
    if (!rule.resources.includes(resource)) return [rule];
    const others = rule.resources.filter((name) => name !== resource);
    const verbs = rule.verbs.filter((name) => name !== verb);
    return [
      ...(others.length === 0 ? [] : [{ ...rule, resources: others }]),
      ...(verbs.length === 0 ? [] : [{ ...rule, resources: [resource], verbs }]),
    ];
  });
}
