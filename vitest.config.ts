import { defineConfig } from 'vitest/config';

/** Unit and integration tests beside their subject. The acceptance suite has a configuration of its own in `e2e/`. */
export default defineConfig({
  test: {
    environment: 'node',
    include: ['**/*.test.ts'],
    // Of `e2e/` the window alone: what it runs against is a fake, and needs a browser only.
    exclude: ['**/node_modules/**', 'dist/**', '.cache/**', 'e2e/!(ui)/**'],
    // Processes, not threads: koffi, namespaces and signals belong to a process.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    teardownTimeout: 10_000,
    reporters: ['default'],
    // A focused test would hide the others.
    allowOnly: false,
  },
});
