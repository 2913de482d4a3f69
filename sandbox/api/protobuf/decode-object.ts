import { StatusError } from '../../store/status-error.ts';
import { type Field, type Message, messages } from './messages.ts';

/** What stands in front of every object that Kubernetes writes as Protocol Buffers. */
const magic = Buffer.from('k8s\0');

/**
 * An object as kubectl's own commands (`create namespace`, `auth can-i`) send it. There is no way to have them send JSON.
 *
 * ```
 * 6b 38 73 00 | Unknown { 1: TypeMeta { 1: apiVersion, 2: kind }, 2: the object's bytes }
 * ```
 *
 * @throws StatusError 415 for kinds whose fields are not known here
 */
export function decodeObject(bytes: Buffer): Readonly<Record<string, unknown>> {
  if (!bytes.subarray(0, magic.length).equals(magic)) throw unsupported('the body does not begin as Kubernetes writes objects');
  const envelope = decode(bytes.subarray(magic.length), {
    1: { name: 'type', type: { 1: { name: 'apiVersion', type: 'text' }, 2: { name: 'kind', type: 'text' } } },
    2: { name: 'raw', type: 'buffer' },
  });
  const { apiVersion = '', kind = '' } = (envelope['type'] ?? {}) as { readonly apiVersion?: string; readonly kind?: string };
  const message = messages[kind];
  if (message === undefined) throw unsupported(`${kind} is taken as JSON or YAML only: use kubectl apply -f`);
  return { apiVersion, kind, ...decode((envelope['raw'] as Buffer | undefined) ?? Buffer.alloc(0), message) };
}

function decode(bytes: Buffer, message: Message): Readonly<Record<string, unknown>> {
  const result: Record<string, unknown> = {};
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined || shift > 63) throw unsupported('a number has no end');
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const field = message[number];
    const wire = tag % 8;
    if (wire === 0) {
      const value = varint();
      if (field !== undefined) result[field.name] = field.type === 'flag' ? value !== 0 : value;
      else if (value !== 0) requireSkippable(message, number);
    } else if (wire === 2) {
      const length = varint();
      const part = bytes.subarray(at, at + length);
      at += length;
      // Texts that are not there are sent as empty ones.
      const isAbsent = length === 0 && field?.type === 'text' && field.isList !== true;
      if (field !== undefined && !isAbsent) result[field.name] = added(result[field.name], field, part);
      else if (length > 0) requireSkippable(message, number);
    } else if (wire === 1 || wire === 5) {
      at += wire === 1 ? 8 : 4;
    } else {
      throw unsupported(`wire type ${wire} is not in use`);
    }
  }
  return result;
}

/** Messages that hold nothing are sent all the same, so only others count. */
function requireSkippable(message: Message, number: number): void {
  if (message[0]?.type === 'refused') throw unsupported(`field ${number} is taken as JSON or YAML only: use kubectl apply -f`);
}

function added(current: unknown, field: Field, part: Buffer): unknown {
  if (field.type === 'text-map' || field.type === 'bytes-map') {
    const type = field.type === 'text-map' ? 'text' : 'base64';
    const { key, value = '' } = decode(part, { 1: { name: 'key', type: 'text' }, 2: { name: 'value', type } });
    return { ...(current as object | undefined), [String(key)]: value };
  }
  const value = valueOf(field, part);
  return field.isList === true ? [...((current as readonly unknown[] | undefined) ?? []), value] : value;
}

function valueOf({ type }: Field, part: Buffer): unknown {
  if (typeof type === 'object') return decode(part, type);
  if (type === 'buffer') return part;
  if (type === 'int-or-text') {
    // Type 0 is a number, type 1 a text.
    const {
      kind = 0,
      number = 0,
      text = '',
    } = decode(part, {
      1: { name: 'kind', type: 'number' },
      2: { name: 'number', type: 'number' },
      3: { name: 'text', type: 'text' },
    });
    return kind === 0 ? number : text;
  }
  return type === 'base64' ? part.toString('base64') : part.toString('utf8');
}

function unsupported(why: string): StatusError {
  return new StatusError(415, 'UnsupportedMediaType', `the body of the request cannot be read: ${why}`);
}
