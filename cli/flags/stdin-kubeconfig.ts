import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Invocation } from '../invocation.ts';

type Options = Readonly<Record<string, unknown>>;

/**
 * `--kubeconfig -` as a file: the daemon reads it again with each reconnect, long after standard input has ended. It is the user's
 * alone and goes with the login session; the same text is the same file, so that a second connect is the same connect.
 */
export async function withStdinKubeconfig(options: Options, { io, paths }: Pick<Invocation, 'io' | 'paths'>): Promise<Options> {
  if (options['kubeconfig'] !== '-') return options;
  const text = await io.readStdin();
  if (text.trim() === '') throw new AppError({ code: 'usage', message: 'There is no kubeconfig on standard input' });
  const { createHash } = await import('node:crypto');
  const name = `kubeconfig-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
  mkdirSync(paths.runtimeDirectory, { recursive: true, mode: 0o700 });
  const kubeconfig = join(paths.runtimeDirectory, name);
  writeFileSync(kubeconfig, text, { mode: 0o600 });
  return { ...options, kubeconfig };
}
