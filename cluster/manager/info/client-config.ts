import { parse } from 'yaml';
import { type Cidr, parseCidr } from '#base/common/cidr.ts';

/** What of the pushed client settings the traffic-manager itself hands on, as part of the cluster's description. */
export interface ClientConfig {
  /** As it is in the ConfigMap. */
  readonly yaml: string;
  readonly alsoProxy: readonly Cidr[];
  readonly neverProxy: readonly Cidr[];
  readonly allowConflicting: readonly Cidr[];
  readonly includeSuffixes: readonly string[];
  readonly excludeSuffixes: readonly string[];
}

/** Settings that are not a list of texts are left out, as are texts that are no subnet. */
export function readClientConfig(yaml: string): ClientConfig {
  const root = parseMapping(yaml);
  const routing = mapping(root['routing']);
  const dns = mapping(root['dns']);
  return {
    yaml,
    alsoProxy: cidrs(routing['alsoProxySubnets']),
    neverProxy: cidrs(routing['neverProxySubnets']),
    allowConflicting: cidrs(routing['allowConflictingSubnets']),
    includeSuffixes: texts(dns['includeSuffixes']),
    excludeSuffixes: texts(dns['excludeSuffixes']),
  };
}

function parseMapping(yaml: string): Readonly<Record<string, unknown>> {
  if (yaml.trim() === '') return {};
  try {
    return mapping(parse(yaml));
  } catch {
    // Laptops read the text themselves and report what is wrong with it.
    return {};
  }
}

function mapping(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry): entry is string => typeof entry === 'string') : [];
}

function cidrs(value: unknown): readonly Cidr[] {
  return texts(value).flatMap((text) => parseCidr(text) ?? []);
}
