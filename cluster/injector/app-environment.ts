import type { Container, EnvVariable } from './pod-types.ts';

/** Variables that Kubernetes derives from Services; every container of a pod has them under the same name. */
const serviceVariable = /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

/** `$(NAME)`, and `$$`, which stands for a dollar sign. */
const reference = /\$\$|\$\(([^()]+)\)/g;

/**
 * The environment of an app container as another container of the same pod can have it without harm to itself: every name with a prefix,
 * references to other variables following.
 */
export function prefixedEnvironment(
  container: Container,
  prefix: string,
): { readonly env: readonly EnvVariable[]; readonly envFrom: NonNullable<Container['envFrom']> } {
  const declared = new Set<string>();
  const hasSources = (container.envFrom ?? []).length > 0;
  const env = (container.env ?? []).map((variable) => {
    const copied = copy(variable, container.name, prefix, (name) => isOfApp(name, declared, hasSources));
    declared.add(variable.name);
    return copied;
  });
  const envFrom = (container.envFrom ?? []).map((source) => ({ ...source, prefix: `${prefix}${source.prefix ?? ''}` }));
  return { env, envFrom };
}

/** A `subPathExpr` of the container, whose variables have the prefix elsewhere. */
export function prefixedReferences(text: string, container: Container, prefix: string): string {
  const declared = new Set((container.env ?? []).map(({ name }) => name));
  const hasSources = (container.envFrom ?? []).length > 0;
  return rewrite(text, prefix, (name) => isOfApp(name, declared, hasSources));
}

function copy(variable: EnvVariable, container: string, prefix: string, isPrefixed: (name: string) => boolean): EnvVariable {
  const name = `${prefix}${variable.name}`;
  if (variable.value !== undefined) return { ...variable, name, value: rewrite(variable.value, prefix, isPrefixed) };
  const resource = variable.valueFrom?.resourceFieldRef;
  if (resource === undefined) return { ...variable, name };
  // Without a name it would be the resources of the agent.
  return { name, valueFrom: { ...variable.valueFrom, resourceFieldRef: { containerName: container, ...resource } } };
}

/** Kubernetes only resolves what was declared before; what the sources of `envFrom` hold cannot be known here. */
function isOfApp(name: string, declared: ReadonlySet<string>, hasSources: boolean): boolean {
  return declared.has(name) || (hasSources && !serviceVariable.test(name));
}

function rewrite(text: string, prefix: string, isPrefixed: (name: string) => boolean): string {
  return text.replaceAll(reference, (match: string, name: string | undefined) =>
    name !== undefined && isPrefixed(name) ? `$(${prefix}${name})` : match,
  );
}
