import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isProgram } from './find-program.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'programs-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('finds a program on the PATH, or by its path, when it may be run', () => {
  const file = join(directory, 'kubectl');
  const path = ['/nowhere', directory].join(delimiter);
  expect(isProgram('kubectl', path)).toBe(false);
  writeFileSync(file, '#!/bin/sh\n', { mode: 0o644 });
  expect(isProgram('kubectl', path)).toBe(false);
  chmodSync(file, 0o755);
  expect(isProgram('kubectl', path)).toBe(true);
  expect(isProgram(file, '')).toBe(true);
  expect(isProgram('kubectl', '/nowhere')).toBe(false);
});
