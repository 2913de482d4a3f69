import { fieldAt, textAt } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import { badRequest } from '../store/status-error.ts';
import type { ObjectStore, UserInfo } from '../store/store.ts';
import { type Authenticator, apiAudience } from './authentication.ts';
import { accessOfReview, isAllowed, rulesOf } from './authorization.ts';

/** Kinds that are answered and not stored: who somebody is, and what they may do. */
export const reviewKinds = [
  { group: 'authentication.k8s.io', version: 'v1', plural: 'tokenreviews', kind: 'TokenReview' },
  { group: 'authentication.k8s.io', version: 'v1', plural: 'selfsubjectreviews', kind: 'SelfSubjectReview' },
  { group: 'authorization.k8s.io', version: 'v1', plural: 'subjectaccessreviews', kind: 'SubjectAccessReview' },
  { group: 'authorization.k8s.io', version: 'v1', plural: 'selfsubjectaccessreviews', kind: 'SelfSubjectAccessReview' },
  { group: 'authorization.k8s.io', version: 'v1', plural: 'selfsubjectrulesreviews', kind: 'SelfSubjectRulesReview' },
] as const;

export type ReviewKind = (typeof reviewKinds)[number]['kind'];

/** The review with its status. */
export function answerReview(
  kind: ReviewKind,
  body: Readonly<Record<string, unknown>>,
  context: { readonly store: ObjectStore; readonly authenticator: Authenticator; readonly user: UserInfo },
): Readonly<Record<string, unknown>> {
  return { ...body, status: statusOf(kind, body['spec'], context) };
}

function statusOf(
  kind: ReviewKind,
  spec: unknown,
  { store, authenticator, user }: Parameters<typeof answerReview>[2],
): Readonly<Record<string, unknown>> {
  switch (kind) {
    case 'TokenReview': {
      const asked = fieldAt(spec, 'audiences');
      const audiences = Array.isArray(asked) && asked.length > 0 ? asked.map(String) : [apiAudience];
      const bearer = authenticator.readToken(textAt(spec, 'token'));
      if (bearer === undefined) return { authenticated: false, user: {}, error: 'invalid bearer token' };
      const common = bearer.audiences.filter((audience) => audiences.includes(audience));
      if (common.length === 0) return { authenticated: false, user: {}, error: 'token audiences do not match' };
      return { authenticated: true, user: bearer.user, audiences: common };
    }
    case 'SelfSubjectReview':
      return { userInfo: user };
    case 'SubjectAccessReview': {
      const groups = fieldAt(spec, 'groups');
      const subject = { username: textAt(spec, 'user'), groups: Array.isArray(groups) ? groups.map(String) : [] };
      return review(store, subject, spec);
    }
    case 'SelfSubjectAccessReview':
      return review(store, user, spec);
    case 'SelfSubjectRulesReview': {
      const rules = rulesOf(store, user, textAt(spec, 'namespace') || 'default');
      return {
        incomplete: false,
        resourceRules: rules
          .filter(({ resources: named }) => named !== undefined)
          .map(({ verbs, apiGroups, resources: named, resourceNames }) => ({
            verbs,
            apiGroups,
            resources: named,
            resourceNames,
          })),
        nonResourceRules: rules
          .filter(({ nonResourceURLs }) => nonResourceURLs !== undefined)
          .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      };
    }
  }
}

function review(store: ObjectStore, subject: UserInfo, spec: unknown): Readonly<Record<string, unknown>> {
  const access = accessOfReview(spec);
  if (access === undefined) throw badRequest('exactly one of nonResourceAttributes or resourceAttributes must be specified');
  const namespace = access.kind === 'resource' ? access.namespace : undefined;
  return { allowed: isAllowed(rulesOf(store, subject, namespace), access) };
}

/** `serviceaccounts/NAME/token`. */
export function answerTokenRequest(
  body: Readonly<Record<string, unknown>>,
  namespace: string,
  serviceAccount: string,
  { store, authenticator }: { readonly store: ObjectStore; readonly authenticator: Authenticator },
): Readonly<Record<string, unknown>> {
  const audiences = fieldAt(body, 'spec', 'audiences');
  const seconds = fieldAt(body, 'spec', 'expirationSeconds');
  const podName = textAt(body, 'spec', 'boundObjectRef', 'name');
  const isBound = textAt(body, 'spec', 'boundObjectRef', 'kind') === 'Pod';
  const pod = isBound ? store.mustGet(resources.pods, namespace, podName) : undefined;
  const { token, expires } = authenticator.issueToken({
    namespace,
    serviceAccount,
    audiences: Array.isArray(audiences) ? audiences.map(String) : [],
    expirationSeconds: typeof seconds === 'number' ? seconds : 3600,
    boundPod: pod === undefined ? undefined : { name: pod.metadata.name, uid: pod.metadata.uid },
  });
  return { ...body, status: { token, expirationTimestamp: expires.toISOString() } };
}
