import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { releaseAnnotation } from '#protocol/chart/kube-object.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { clusterError } from '../kube/cluster-error.ts';
import { grantRemedy, missingRight } from '../kube/missing-right.ts';
import { apiGroup, type ObjectReference, objectName, resourceOf } from './object-path.ts';

interface FailedRequest {
  readonly client: KubeClient;
  /** In the order in which the API server needs them: an apply is a patch, and a creation where there is nothing yet. */
  readonly verbs: readonly [string, ...string[]];
  readonly object: ObjectReference;
}

interface AccessReview {
  readonly status?: { readonly allowed?: boolean };
}

const rbacKinds = ['Role', 'RoleBinding', 'ClusterRole', 'ClusterRoleBinding'];

/**
 * A failed request about one object, in the terms of the person who installs. A refusal may come from rights or from admission (quotas,
 * policies); the API server answers 403 to both, so it is asked which right is missing.
 */
export async function requestError(thrown: unknown, request: FailedRequest): Promise<AppError> {
  const { client, object, verbs } = request;
  const server = client.credentials.server.href;
  const name = objectName(object);
  if (!(thrown instanceof KubeStatusError)) return clusterError(thrown, { server, action: `${verbs[0]} ${name}` });
  const { namespace } = object.metadata;
  if (thrown.status === 403) {
    const missing = await missingVerb(request);
    if (missing !== undefined) return forbidden(missing, object, thrown);
    // Nobody may hand out rights that they do not have.
    if (rbacKinds.includes(object.kind)) return forbidden(object.kind.endsWith('Binding') ? 'bind' : 'escalate', object, thrown);
  }
  if (thrown.status === 404 && namespace !== undefined) {
    return new AppError(
      {
        code: 'cluster.namespace-not-found',
        message: `There is no namespace "${namespace}" for ${name}`,
        reason: thrown.message,
      },
      thrown,
    );
  }
  if (thrown.status === 409 && verbs[0] === 'create') {
    return new AppError(
      {
        code: 'install.conflict',
        message: `${name} exists already: somebody else is at work here`,
        remedies: [{ label: 'Try again later' }],
      },
      thrown,
    );
  }
  if (thrown.status === 401 || thrown.status >= 500) return clusterError(thrown, { server, action: `${verbs[0]} ${name}` });
  return new AppError({ code: 'install.failed', message: `The cluster refuses ${name}`, reason: thrown.message }, thrown);
}

async function missingVerb({ client, object, verbs }: FailedRequest): Promise<string | undefined> {
  for (const verb of verbs) {
    const { name, namespace } = object.metadata;
    const resourceAttributes = {
      verb,
      group: apiGroup(object),
      resource: resourceOf(object),
      name,
      ...(namespace === undefined ? {} : { namespace }),
    };
    try {
      const review = await client.request<AccessReview>({
        method: 'POST',
        path: '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
        body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectAccessReview', spec: { resourceAttributes } },
      });
      if (review.status?.allowed !== true) return verb;
    } catch {
      // Who may not even ask what they may do has little else.
      return verb;
    }
  }
  return undefined;
}

function forbidden(verb: string, object: ObjectReference, thrown: KubeStatusError): AppError {
  const group = apiGroup(object);
  // What is bound is the role.
  const plural = verb === 'bind' ? resourceOf(object).replace(/bindings$/, 's') : resourceOf(object);
  const resource = group === '' ? plural : `${plural}.${group}`;
  const { namespace } = object.metadata;
  const where = namespace === undefined ? 'the cluster' : `namespace "${namespace}"`;
  const right = missingRight(thrown.message);
  const grants = right?.verb === verb ? [grantRemedy(right)] : [];
  return new AppError(
    {
      code: 'cluster.forbidden',
      message: `You may not ${verb} ${resource} in ${where}, which ${objectName(object)} needs`,
      reason: thrown.message,
      context: { verb, resource, ...(namespace === undefined ? {} : { namespace }) },
      remedies: [...remediesFor(object), ...grants],
    },
    thrown,
  );
}

/** Roles can be made by an administrator beforehand; all else has to be made by whoever installs. */
function remediesFor(object: ObjectReference): AppError['remedies'] {
  const [managerNamespace = 'ambassador'] = object.metadata.annotations?.[releaseAnnotation]?.split('/') ?? [
    object.metadata.namespace,
  ];
  const install = `telepresence helm install${managerNamespace === 'ambassador' ? '' : ` --manager-namespace ${managerNamespace}`}`;
  if (!rbacKinds.includes(object.kind)) {
    return [{ label: 'Let an administrator of the cluster install the traffic-manager', command: install }];
  }
  return [
    {
      label: 'Let an administrator create the rights',
      command: `${install} --set rbac.only=true --dry-run | kubectl apply -f -`,
    },
    { label: 'Then install without them', command: `${install} --set managerRbac.create=false` },
  ];
}
