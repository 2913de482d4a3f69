import type { Check } from './check.ts';
import { checkBoundaries } from './check-boundaries.ts';
import { checkBundles } from './check-bundles.ts';
import { checkGenerated } from './check-generated.ts';
import { checkLockfile } from './check-lockfile.ts';
import { checkTypes } from './check-types.ts';
import { checkVersions } from './check-versions.ts';
import { programCheck } from './program-check.ts';

/** Everything that is checked without running the product, in the order in which a person would fix it. */
export const allChecks: readonly Check[] = [
  programCheck('format', 'biome', ['check', '--error-on-warnings', '--reporter=summary']),
  { name: 'types', find: checkTypes },
  programCheck('lint', 'oxlint', ['--type-aware', '--deny-warnings', '--report-unused-disable-directives', '--format=unix']),
  { name: 'boundaries', find: checkBoundaries },
  programCheck('unused', 'knip', ['--no-progress', '--no-config-hints']),
  { name: 'bundles', find: checkBundles },
  { name: 'generated', find: checkGenerated },
  { name: 'lockfile', find: checkLockfile },
  { name: 'versions', find: checkVersions },
];
