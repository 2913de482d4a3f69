import * as z from 'zod/mini';

/** Scheme of the links that open the app. */
export const deepLinkScheme = 'telepresence';

const kubeName = z.string().check(z.regex(/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/));
/** A context's name is whatever its kubeconfig says; nothing that could fake other text on the screen that shows it. */
const contextName = z.string().check(z.minLength(1), z.maxLength(253), z.regex(/^[\p{L}\p{N}\p{P}\p{S} ]+$/u));
const port = z.string().check(z.regex(/^\d{1,5}(:[a-z0-9-]{1,63})?$/));

/**
 * What a link may ask for: names, never a command, a file or a credential. The app shows it and waits for the person's word.
 *
 * `telepresence://connect?context=…&namespace=…&manager-namespace=…`
 * `telepresence://intercept?workload=…&namespace=…&context=…&service=…&container=…&port=8080:http`
 */
export const deepLink = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('connect'),
    context: z.optional(contextName),
    namespace: z.optional(kubeName),
    managerNamespace: z.optional(kubeName),
  }),
  z.strictObject({
    kind: z.literal('intercept'),
    workload: kubeName,
    context: z.optional(contextName),
    namespace: z.optional(kubeName),
    service: z.optional(kubeName),
    container: z.optional(kubeName),
    /** `LAPTOP[:NAME OR NUMBER]`, as `intercept --port`. */
    port: z.optional(port),
  }),
]);
export type DeepLink = z.infer<typeof deepLink>;

const maxLength = 2_048;

/** A link as the system hands it over, or why it is refused. What is unknown is refused, for it might be meant to matter. */
export function parseDeepLink(text: string): DeepLink | { readonly kind: 'refused'; readonly reason: string } {
  if (text.length > maxLength) return refused(`it is longer than ${maxLength} characters`);
  const match = /^telepresence:\/\/([a-z]+)\/?(?:\?(.*))?$/i.exec(text);
  if (match === null) return refused('it is not telepresence://connect?… or telepresence://intercept?…');
  const [, verb = '', query = ''] = match;
  const members: Record<string, string> = { kind: verb.toLowerCase() };
  for (const part of query.split('&').filter((pair) => pair !== '')) {
    const [key, value] = decodePair(part);
    if (key === undefined || value === undefined) return refused('it is not written as a link has to be');
    const name = key.replaceAll(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
    if (name in members) return refused(`it says ${key} twice`);
    members[name] = value;
  }
  const parsed = deepLink.safeParse(members);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  if (issue?.code === 'unrecognized_keys') return refused(`it has something unknown: ${issue.keys.join(', ')}`);
  const path = issue?.path.join('.') ?? '';
  return refused(path === 'kind' || path === '' ? `it asks for something unknown: ${verb}` : `its ${path} is not a valid name`);
}

function decodePair(pair: string): readonly [string | undefined, string | undefined] {
  const end = pair.indexOf('=');
  if (end <= 0) return [undefined, undefined];
  const decode = (text: string) => decodeURIComponent(text.replaceAll('+', ' '));
  try {
    return [decode(pair.slice(0, end)), decode(pair.slice(end + 1))];
  } catch {
    return [undefined, undefined];
  }
}

function refused(reason: string) {
  return { kind: 'refused', reason } as const;
}
