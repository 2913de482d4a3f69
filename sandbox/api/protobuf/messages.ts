/**
 * Fields of a message by number; what is not named is skipped. Field 0, which no message has, stands for the others: where it is `refused`,
 * an object that has one of them is not taken, for it would not be what its sender meant.
 */
export type Message = Readonly<Record<number, Field>>;

export interface Field {
  readonly name: string;
  readonly type:
    | 'text'
    | 'number'
    | 'flag'
    | 'base64'
    | 'buffer'
    | 'text-map'
    | 'bytes-map'
    | 'int-or-text'
    | 'refused'
    | Message;
  readonly isList?: boolean;
}

const text = (name: string): Field => ({ name, type: 'text' });
const texts = (name: string): Field => ({ name, type: 'text', isList: true });
const number = (name: string): Field => ({ name, type: 'number' });
const flag = (name: string): Field => ({ name, type: 'flag' });
const message = (name: string, type: Message): Field => ({ name, type });
const list = (name: string, type: Message): Field => ({ name, type, isList: true });

const metadata = message('metadata', {
  1: text('name'),
  2: text('generateName'),
  3: text('namespace'),
  11: { name: 'labels', type: 'text-map' },
  12: { name: 'annotations', type: 'text-map' },
  14: texts('finalizers'),
});

const others: Field = { name: 'others', type: 'refused' };
const textMap = (name: string): Field => ({ name, type: 'text-map' });

const labelSelector = message('selector', {
  0: others,
  1: textMap('matchLabels'),
  2: list('matchExpressions', { 1: text('key'), 2: text('operator'), 3: texts('values') }),
});
const podSpec = {
  0: others,
  2: list('containers', {
    0: others,
    1: text('name'),
    2: text('image'),
    3: texts('command'),
    4: texts('args'),
    5: text('workingDir'),
    6: list('ports', { 0: others, 1: text('name'), 3: number('containerPort'), 4: text('protocol') }),
    7: list('env', { 0: others, 1: text('name'), 2: text('value') }),
    14: text('imagePullPolicy'),
  }),
  3: text('restartPolicy'),
  4: number('terminationGracePeriodSeconds'),
  6: text('dnsPolicy'),
  8: text('serviceAccountName'),
};
const deploymentSpec = {
  0: others,
  1: number('replicas'),
  2: labelSelector,
  3: message('template', { 0: others, 1: metadata, 2: message('spec', podSpec) }),
  4: message('strategy', { 0: others, 1: text('type') }),
  5: number('minReadySeconds'),
  6: number('revisionHistoryLimit'),
  9: number('progressDeadlineSeconds'),
};
const serviceSpec = {
  0: others,
  1: list('ports', {
    0: others,
    1: text('name'),
    2: text('protocol'),
    3: number('port'),
    4: { name: 'targetPort', type: 'int-or-text' },
  }),
  2: textMap('selector'),
  3: text('clusterIP'),
  4: text('type'),
  7: text('sessionAffinity'),
  10: text('externalName'),
};

const attributes = {
  1: message('resourceAttributes', {
    1: text('namespace'),
    2: text('verb'),
    3: text('group'),
    4: text('version'),
    5: text('resource'),
    6: text('subresource'),
    7: text('name'),
  }),
  2: message('nonResourceAttributes', { 1: text('path'), 2: text('verb') }),
};
const deleteOptions = {
  1: number('gracePeriodSeconds'),
  2: message('preconditions', { 1: text('uid'), 2: text('resourceVersion') }),
  4: text('propagationPolicy'),
  5: texts('dryRun'),
};
const rules = list('rules', {
  1: texts('verbs'),
  2: texts('apiGroups'),
  3: texts('resources'),
  4: texts('resourceNames'),
  5: texts('nonResourceURLs'),
});
const binding = {
  1: metadata,
  2: list('subjects', { 1: text('kind'), 2: text('apiGroup'), 3: text('name'), 4: text('namespace') }),
  3: message('roleRef', { 1: text('apiGroup'), 2: text('kind'), 3: text('name') }),
};

/** The kinds that kubectl's commands send so, as far as the sandbox takes them. Numbers are of Kubernetes' `generated.proto` files. */
export const messages: Readonly<Record<string, Message>> = {
  Namespace: { 1: metadata },
  Deployment: { 1: metadata, 2: message('spec', deploymentSpec) },
  Service: { 1: metadata, 2: message('spec', serviceSpec) },
  ServiceAccount: { 1: metadata },
  ConfigMap: {
    1: metadata,
    2: { name: 'data', type: 'text-map' },
    3: { name: 'binaryData', type: 'bytes-map' },
    4: flag('immutable'),
  },
  Secret: {
    1: metadata,
    2: { name: 'data', type: 'bytes-map' },
    3: text('type'),
    4: { name: 'stringData', type: 'text-map' },
    5: flag('immutable'),
  },
  Role: { 1: metadata, 2: rules },
  ClusterRole: { 1: metadata, 2: rules },
  RoleBinding: binding,
  ClusterRoleBinding: binding,
  Eviction: { 1: metadata, 2: message('deleteOptions', deleteOptions) },
  DeleteOptions: deleteOptions,
  TokenRequest: {
    1: metadata,
    2: message('spec', {
      1: texts('audiences'),
      3: message('boundObjectRef', { 1: text('kind'), 2: text('apiVersion'), 3: text('name'), 4: text('uid') }),
      4: number('expirationSeconds'),
    }),
  },
  TokenReview: { 1: metadata, 2: message('spec', { 1: text('token'), 2: texts('audiences') }) },
  SelfSubjectReview: { 1: metadata },
  SelfSubjectAccessReview: { 1: metadata, 2: message('spec', attributes) },
  SelfSubjectRulesReview: { 1: metadata, 2: message('spec', { 1: text('namespace') }) },
  SubjectAccessReview: { 1: metadata, 2: message('spec', { ...attributes, 3: text('user'), 4: texts('groups') }) },
};
