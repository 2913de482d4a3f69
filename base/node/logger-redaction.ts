/** Names of fields whose values never reach a log. */
const secretName =
  /token|password|passwd|secret|authorization|credential|cookie|private-?key|client-?key|certificate-?data|kubeconfigtext|bearer/i;

/** Bearer credentials and JSON Web Tokens inside text, such as the message of a library's error. */
const secretText = /\b(bearer\s+)[\w.~+/=-]+|\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/gi;

const maxDepth = 6;
const redacted = '[redacted]';

/** A copy that is safe to write: secrets replaced, errors as plain objects with their causes, depth limited. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '[too deep]';
  if (value instanceof Error) return redactError(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof URL) return redactText(value.href);
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  if (value instanceof Map || value instanceof Set) return redact([...value], depth + 1);
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      secretName.test(name) && isSecretKind(member) ? redacted : redact(member, depth + 1),
    ]),
  );
}

/** Text without bearer credentials and tokens. */
export function redactText(text: string): string {
  return text.replace(secretText, (_match, bearer: string | undefined) => `${bearer ?? ''}${redacted}`);
}

function isSecretKind(value: unknown): boolean {
  return typeof value !== 'boolean' && typeof value !== 'number' && value !== undefined && value !== null;
}

function redactError(error: Error, depth: number): unknown {
  return {
    type: error.name,
    message: redactText(error.message),
    ...('code' in error ? { code: error.code } : {}),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1) }),
  };
}
