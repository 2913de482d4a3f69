import type { Remedy } from '#protocol/errors/app-error.ts';

/** What an API server says that somebody lacks. */
export interface MissingRight {
  readonly user: string;
  readonly verb: string;
  /** With its subresource, as in `pods/log`. */
  readonly resource: string;
  readonly group: string;
  /** Absent: the right is about the whole cluster. */
  readonly namespace?: string;
  /** Of the one object that the right is about. */
  readonly name?: string;
}

const refusal =
  /User "([^"]*)" cannot (\w+) resource "([^"]+)" in API group "([^"]*)" (?:in the namespace "([^"]+)"|at the cluster scope)/;

/** Reads the words of Kubernetes' RBAC; `undefined` where the refusal is another's, as of a quota or a webhook. */
export function missingRight(text: string): MissingRight | undefined {
  const match = refusal.exec(text);
  if (match === null) return undefined;
  const [, user = '', verb = '', resource = '', group = '', namespace] = match;
  return { user, verb, resource, group, ...(namespace === undefined ? {} : { namespace }) };
}

export function describeRight({ verb, resource, group, namespace }: MissingRight): string {
  const where = namespace === undefined ? 'the cluster' : `namespace "${namespace}"`;
  return `to ${verb} ${group === '' ? resource : `${resource}.${group}`} in ${where}`;
}

/** `docs/rbac.md` has the Roles of all commands. */
export function grantRemedy(right: MissingRight): Remedy {
  return {
    label: 'Ask an administrator of the cluster for this right, or for a Role as in docs/rbac.md',
    command: grantCommand(right),
  };
}

/** The commands by which an administrator grants it, ready to copy. */
export function grantCommand({ user, verb, resource, group, namespace, name: object }: MissingRight): string {
  const kind = namespace === undefined ? 'clusterrole' : 'role';
  const kubectl = `kubectl${namespace === undefined ? '' : ` --namespace ${namespace}`} create`;
  const [plain = '', subresource] = resource.split('/');
  const name = `telepresence-${verb}-${resource.replace('/', '-')}`;
  const fullResource = `${plain}${group === '' ? '' : `.${group}`}${subresource === undefined ? '' : `/${subresource}`}`;
  const only = object === undefined ? '' : ` --resource-name=${object}`;
  return (
    `${kubectl} ${kind} ${name} --verb=${verb} --resource=${fullResource}${only}` +
    ` && ${kubectl} ${kind}binding ${name} --${kind}=${name} ${subject(user)}`
  );
}

function subject(user: string): string {
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(user);
  if (account !== null) return `--serviceaccount=${account[1] ?? ''}:${account[2] ?? ''}`;
  return `--user=${/^[\w.@:+-]+$/.test(user) ? user : `'${user.replaceAll("'", String.raw`'\''`)}'`}`;
}
