import http from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type * as z from 'zod/mini';
import type { Paths } from '#base/node/paths.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { isErrorCode } from '#protocol/errors/registry.ts';
import { controlSocketName, type SandboxFailure } from '#protocol/sandbox/sandbox-control.ts';

/** The control socket of this user's sandbox, whether one runs or not. */
export function socketOf({ runtimeDirectory }: Pick<Paths, 'runtimeDirectory'>): string {
  return join(runtimeDirectory, 'sandbox', controlSocketName);
}

/** One call of `protocol/sandbox/sandbox-control.ts`. `undefined` where nobody listens, or whoever did has ended before it answered. */
export async function callControl(
  socketPath: string,
  method: 'GET' | 'POST',
  path: string,
): Promise<http.IncomingMessage | undefined> {
  return await new Promise((answered, reject) => {
    const request = http.request({ socketPath, method, path, agent: false }, answered);
    request.once('error', (error: NodeJS.ErrnoException) => {
      if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET'].includes(error.code ?? '')) answered(undefined);
      else reject(error);
    });
    request.end();
  });
}

/** Follows an answer of reports, a line each, to its end or until `signal` aborts. Resolves to the last report, `undefined` where there was none. */
export async function readReports<Report>(
  answer: http.IncomingMessage,
  schema: z.ZodMiniType<Report>,
  signal: AbortSignal,
  onReport: (report: Report) => void,
): Promise<Report | undefined> {
  const abort = () => answer.destroy();
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  const lines = createInterface({ input: answer });
  // An answer that is broken off does not end the lines by itself.
  answer.once('close', () => lines.close());
  let last: Report | undefined;
  try {
    for await (const line of lines) {
      last = schema.parse(JSON.parse(line));
      onReport(last);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
  return last;
}

/** What the sandbox said of its failure, as an error of this process. */
export function failureOf({ code, message, reason, remedies }: SandboxFailure): AppError {
  return new AppError({
    code: isErrorCode(code) ? code : 'sandbox.unsupported',
    message,
    ...(reason === undefined ? {} : { reason }),
    remedies: remedies.map(({ label, command }) => ({ label, ...(command === undefined ? {} : { command }) })),
  });
}
