import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'yaml';
import { isRecord } from '../store/objects.ts';
import { badRequest, type Status, StatusError } from '../store/status-error.ts';
import { decodeObject } from './protobuf/decode-object.ts';

/** Objects are small; etcd takes 1.5 MiB. */
const maxBodyBytes = 3 * 1024 * 1024;

export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new StatusError(413, 'RequestEntityTooLarge', 'Request entity too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** JSON, or YAML or Protocol Buffers where the request says so. @throws StatusError where it is neither, or no object */
export function parseObject(body: Buffer, contentType: string): Readonly<Record<string, unknown>> {
  const parsed = parseBody(body, contentType);
  if (!isRecord(parsed)) throw badRequest('the object provided is unrecognized: the body is no object');
  return parsed;
}

export function parseBody(body: Buffer, contentType: string): unknown {
  if (body.length === 0) return {};
  if (contentType.includes('protobuf')) return decodeObject(body);
  const text = body.toString('utf8');
  try {
    return contentType.includes('yaml') ? parse(text) : JSON.parse(text);
  } catch (error) {
    throw badRequest(`the body of the request cannot be read: ${(error as Error).message}`);
  }
}

export function sendJson(
  response: ServerResponse,
  code: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = `${JSON.stringify(body)}\n`;
  response
    .writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
    .end(text);
}

export function sendText(response: ServerResponse, code: number, text: string): void {
  response.writeHead(code, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
}

/** Anything thrown as the `Status` that a client expects; what is no refusal is an internal error. */
export function statusOf(error: unknown): Status {
  if (error instanceof StatusError) return error.status;
  const message = error instanceof Error ? error.message : String(error);
  return new StatusError(500, 'InternalError', `Internal error occurred: ${message}`).status;
}

export function sendStatus(response: ServerResponse, status: Status): void {
  const retryAfter = status.details?.['retryAfterSeconds'];
  sendJson(response, status.code, status, typeof retryAfter === 'number' ? { 'retry-after': String(retryAfter) } : {});
}

export function isTrue(query: URLSearchParams, name: string): boolean {
  return ['true', '1'].includes(query.get(name) ?? '');
}
