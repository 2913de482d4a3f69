import { isDeepStrictEqual } from 'node:util';
import { fieldAt, isRecord, type KubeObject, listAt } from '../../store/objects.ts';
import { type Resource, resources } from '../../store/resources.ts';
import type { FieldCause } from '../../store/status-error.ts';
import type { StoreHooks } from '../../store/store.ts';
import { withPodDefaults } from './pod-defaults.ts';

type Fields = Readonly<Record<string, unknown>>;

const rolling = { maxUnavailable: '25%', maxSurge: '25%' };

/** Defaults of each kind that has a template for pods. */
const workloadSpecs: readonly (readonly [Resource, (spec: Fields) => Fields])[] = [
  [
    resources.deployments,
    (spec) => {
      const strategy = isRecord(spec['strategy']) ? spec['strategy'] : {};
      const type = strategy['type'] ?? 'RollingUpdate';
      const parameters = isRecord(strategy['rollingUpdate']) ? strategy['rollingUpdate'] : {};
      return {
        replicas: 1,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        ...spec,
        strategy: type === 'RollingUpdate' ? { type, rollingUpdate: { ...rolling, ...parameters } } : { type },
      };
    },
  ],
  [resources.replicaSets, (spec) => ({ replicas: 1, ...spec })],
  [resources.replicationControllers, (spec) => ({ replicas: 1, ...spec })],
  [
    resources.statefulSets,
    (spec) => ({
      replicas: 1,
      revisionHistoryLimit: 10,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
      ...spec,
    }),
  ],
  [
    resources.daemonSets,
    (spec) => ({
      revisionHistoryLimit: 10,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    }),
  ],
  [resources.jobs, (spec) => ({ parallelism: 1, completions: 1, backoffLimit: 6, suspend: false, ...spec })],
];

export const workloadHooks: readonly (readonly [Resource, StoreHooks])[] = workloadSpecs.map(([resource, defaultsOf]) => {
  const prepare = (object: KubeObject): KubeObject => {
    const spec = defaultsOf(isRecord(object.spec) ? object.spec : {});
    const template = isRecord(spec['template']) ? spec['template'] : {};
    const podSpec = isRecord(template['spec']) ? withPodDefaults(template['spec']) : {};
    return { ...object, spec: { ...spec, template: { metadata: {}, ...template, spec: podSpec } } };
  };
  const hasSelector = resource !== resources.jobs && resource !== resources.replicationControllers;
  return [
    resource,
    { prepareCreate: prepare, prepareUpdate: prepare, validate: hasSelector ? validateSelector : validateTemplate },
  ];
});

function validateSelector(object: KubeObject, previous: KubeObject | undefined): readonly FieldCause[] {
  const selector = fieldAt(object, 'spec', 'selector');
  const matchLabels = (fieldAt(selector, 'matchLabels') ?? {}) as Readonly<Record<string, string>>;
  const labels = (fieldAt(object, 'spec', 'template', 'metadata', 'labels') ?? {}) as Readonly<Record<string, string>>;
  const causes: FieldCause[] = [...validateTemplate(object)];
  if (selector === undefined) causes.push({ field: 'spec.selector', message: 'Required value', reason: 'FieldValueRequired' });
  if (Object.entries(matchLabels).some(([key, value]) => labels[key] !== value)) {
    const message = `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``;
    causes.push({ field: 'spec.template.metadata.labels', message });
  }
  if (previous !== undefined && !isDeepStrictEqual(selector, fieldAt(previous, 'spec', 'selector')))
    causes.push({ field: 'spec.selector', message: `Invalid value: ${JSON.stringify(selector)}: field is immutable` });
  return causes;
}

function validateTemplate(object: KubeObject): readonly FieldCause[] {
  const spec = fieldAt(object, 'spec', 'template', 'spec');
  return validatePodSpec(spec, 'spec.template.spec');
}

/** Required fields, and names that have to differ. */
export function validatePodSpec(spec: unknown, field: string): readonly FieldCause[] {
  const containers = listAt(spec, 'containers');
  const all = [...containers, ...listAt(spec, 'initContainers')];
  const causes: FieldCause[] = [];
  if (containers.length === 0)
    causes.push({ field: `${field}.containers`, message: 'Required value', reason: 'FieldValueRequired' });
  for (const [index, container] of containers.entries()) {
    if ((container['name'] ?? '') === '')
      causes.push({ field: `${field}.containers[${index}].name`, message: 'Required value', reason: 'FieldValueRequired' });
    if ((container['image'] ?? '') === '')
      causes.push({ field: `${field}.containers[${index}].image`, message: 'Required value', reason: 'FieldValueRequired' });
  }
  const names = all.map(({ name }) => String(name));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) causes.push({ field: `${field}.containers`, message: `Duplicate value: ${JSON.stringify(twice)}` });
  const volumes = new Set(listAt(spec, 'volumes').map(({ name }) => name));
  for (const container of all) {
    for (const mount of listAt(container, 'volumeMounts')) {
      if (!volumes.has(mount['name']))
        causes.push({ field: `${field}.containers.volumeMounts.name`, message: `Not found: ${JSON.stringify(mount['name'])}` });
    }
  }
  return causes;
}
