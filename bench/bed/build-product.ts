import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from '../../e2e/support/program.ts';
import { checkout, settings } from '../../e2e/support/settings.ts';

const buildTimeoutMs = 180_000;

/** The user of the laptop may not write to the checkout, and would measure what was built last. */
export async function buildProduct(): Promise<void> {
  const script = join(checkout, 'scripts/build.ts');
  if (settings.product !== join(checkout, 'bin/telepresence') || !existsSync(script)) return;
  await mustRun([process.execPath, script, '--quiet'], { cwd: checkout, timeoutMs: buildTimeoutMs });
}
