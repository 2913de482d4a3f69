import { join } from 'node:path';
import type { Telepresence } from './telepresence.ts';

/** What one URL gave. */
export interface Visit {
  readonly url: string;
  /** Address and port that answered. */
  readonly from: string;
  readonly status: number;
  /** Of a WebSocket its first message. */
  readonly body: string;
}

const program = join(import.meta.dirname, 'visitor.ts');

/** Looks at URLs from inside the network of the connection. @throws Error where one does not answer, or not with success. */
export async function visit(telepresence: Telepresence, urls: readonly string[], signal: AbortSignal): Promise<readonly Visit[]> {
  const { code, stdout, stderr } = await telepresence.run(['shell', '--', process.execPath, program, ...urls], { signal });
  const visits = stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Visit);
  if (code !== 0 || visits.length < urls.length) throw new Error(`${urls.join(', ')} cannot be read\n${stderr}`.trimEnd());
  const refused = visits.find(({ status }) => status !== 101 && (status < 200 || status > 299));
  if (refused !== undefined) throw new Error(`${refused.url} answers with ${refused.status}: ${refused.body}`);
  return visits;
}
