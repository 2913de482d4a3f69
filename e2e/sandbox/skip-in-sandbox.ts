import { basename } from 'node:path';
import { beforeEach } from 'vitest';
import { settings } from '../support/settings.ts';
import { sandboxSkips } from './skips.ts';

/** Setup file of vitest in the sandbox: skips single tests that the table names. The runner takes care of whole files. */
beforeEach(({ task, skip }) => {
  if (settings.sandbox === undefined) return;
  const file = basename(task.file.name, '.test.ts');
  if (!task.file.name.includes('acceptance/')) return;
  const found = sandboxSkips.find((entry) => entry.file === file && entry.test !== undefined && task.name.includes(entry.test));
  if (found !== undefined) skip(found.reason);
});
