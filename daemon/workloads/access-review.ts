import type { KubeClient } from '#net/kube/kube-client.ts';

/** One thing that a person may want to do in a cluster. */
export interface Right {
  readonly verb: string;
  /** `pods`, `pods/portforward` */
  readonly resource: string;
  /** Empty: the core group. */
  readonly group: string;
  /** `undefined`: of the whole cluster. */
  readonly namespace: string | undefined;
  readonly name?: string;
}

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

const reviewTimeoutMs = 8_000;

/** Asks the API server whether this user has a right (SelfSubjectAccessReview, which everybody may ask for). */
export async function isAllowed(client: KubeClient, right: Right, signal: AbortSignal): Promise<boolean> {
  const [resource = '', subresource] = right.resource.split('/');
  const review = await client.request<AccessReview>({
    method: 'POST',
    path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: {
        resourceAttributes: {
          verb: right.verb,
          group: right.group,
          resource,
          ...(subresource === undefined ? {} : { subresource }),
          ...(right.namespace === undefined ? {} : { namespace: right.namespace }),
          ...(right.name === undefined ? {} : { name: right.name }),
        },
      },
    },
    signal,
    timeoutMs: reviewTimeoutMs,
  });
  return review.status?.allowed === true;
}

/** What a laptop needs in a cluster to connect and to intercept: everything else the traffic-manager does for it. */
export function clientRights(managerNamespace: string): readonly Right[] {
  return [
    { verb: 'get', resource: 'services', group: '', namespace: managerNamespace, name: 'traffic-manager' },
    { verb: 'list', resource: 'pods', group: '', namespace: managerNamespace },
    { verb: 'create', resource: 'pods/portforward', group: '', namespace: managerNamespace },
  ];
}

/** For the straight way to agents; without it, their traffic passes the traffic-manager. */
export function agentRight(namespace: string): Right {
  return { verb: 'create', resource: 'pods/portforward', group: '', namespace };
}

/** The largest things that installing the traffic-manager makes: who may make these may make the rest. */
export function installRights(managerNamespace: string): readonly Right[] {
  const rbac = 'rbac.authorization.k8s.io';
  return [
    { verb: 'create', resource: 'deployments', group: 'apps', namespace: managerNamespace },
    { verb: 'create', resource: 'services', group: '', namespace: managerNamespace },
    { verb: 'create', resource: 'secrets', group: '', namespace: managerNamespace },
    { verb: 'create', resource: 'clusterroles', group: rbac, namespace: undefined },
    { verb: 'create', resource: 'clusterrolebindings', group: rbac, namespace: undefined },
    { verb: 'create', resource: 'mutatingwebhookconfigurations', group: 'admissionregistration.k8s.io', namespace: undefined },
  ];
}
