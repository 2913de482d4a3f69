import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

const root = join(import.meta.dirname, '..');

/** One cluster, one machine: files and tests run one after the other. */
// biome-ignore lint/style/noDefaultExport: vitest reads the default export.
export default defineConfig({
  root,
  test: {
    include: ['e2e/**/*.test.ts'],
    // Runs with the unit tests: it needs no cluster.
    exclude: ['**/node_modules/**', 'e2e/ui/**'],
    setupFiles: [join(root, 'e2e/sandbox/skip-in-sandbox.ts')],
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 120_000,
    hookTimeout: 240_000,
    teardownTimeout: 60_000,
    reporters: ['verbose', 'json'],
    outputFile: { json: join(root, '.cache/e2e-report.json') },
  },
});
