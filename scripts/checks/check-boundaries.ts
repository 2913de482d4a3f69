import { readFileSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import { checkout } from '../checkout.ts';
import { sourceFiles } from '../source-files.ts';
import { type BoundaryRule, boundaryRules } from './boundary-rules.ts';
import { findCycles } from './find-cycles.ts';
import { type ImportEdge, isFound, readModule, type SourceModule } from './module-graph.ts';

/** Every breach of the import rules, one line each: what a folder may import, cycles, barrels, missing files. */
export function checkBoundaries(): readonly string[] {
  const shipped = shippedPackages();
  const modules = sourceFiles()
    .filter((path) => path.includes('/'))
    .map(readModule);
  return [...modules.flatMap((module) => moduleProblems(module, shipped)), ...cycleProblems(modules)];
}

function moduleProblems(module: SourceModule, shipped: ReadonlySet<string>): readonly string[] {
  const rule = ruleOf(module.path);
  if (rule === undefined) return [`${module.path}: no rule in scripts/checks/boundary-rules.ts says what this folder may import`];
  const problems = module.imports.flatMap((edge) => edgeProblem(edge, rule, shipped) ?? []);
  if (module.isBarrel) problems.push(`${module.path}: only re-exports; import the file that is meant`);
  return problems;
}

function edgeProblem(edge: ImportEdge, rule: BoundaryRule, shipped: ReadonlySet<string>): string | undefined {
  const { from, to, specifier } = edge;
  const refuse = (reason: string) => `${from} imports ${specifier}: ${reason}`;
  const isTest = isTestPath(from);
  if (to === undefined) {
    if (isBuiltin(specifier)) {
      if (!rule.isNodeAllowed && !isTest) return refuse(`${rule.folder} must work without Node`);
      return specifier.startsWith('node:') ? undefined : refuse('Node’s modules are written with node:');
    }
    const name = packageName(specifier);
    if (isTest || rule.packages === 'all' || rule.hostPackages?.includes(name) === true) return undefined;
    if (rule.packages !== 'dependencies' && !rule.packages.includes(name))
      return refuse(`not in the list of packages of ${rule.folder}`);
    if (!shipped.has(name) && !edge.isTypeOnly) return refuse('not in the dependencies of package.json');
    return undefined;
  }
  // A test of a contract may look at its text, and a script at its data.
  if (!isFound(to)) return to.includes('/generated/') ? undefined : refuse('no such file');
  const isOwn = isInside(to, rule.folder);
  const topFolder = from.split('/')[0] ?? '';
  if (!isOwn && !rule.folders.some((folder) => isInside(to, folder)) && to !== 'package.json') {
    return refuse(`${rule.folder} may import ${rule.folders.length === 0 ? 'nothing else' : rule.folders.join(', ')}`);
  }
  if (specifier.startsWith('.') && !isInside(to, topFolder) && rule.isTool !== true)
    return refuse('another folder is imported by its # path');
  if (
    specifier.startsWith('#') &&
    isInside(to, topFolder) &&
    topFolder !== 'base' &&
    topFolder !== 'protocol' &&
    topFolder !== 'net'
  ) {
    return refuse('the own folder is imported by a relative path');
  }
  const feature = featureOf(from);
  if (feature !== undefined && featureOf(to) !== undefined && featureOf(to) !== feature) {
    return refuse('a feature of the renderer knows no other feature');
  }
  // Benchmarks drive what they measure by the beds of the tests.
  if (isTestPath(to) && !isTest && topFolder !== 'bench') return refuse('a test and its doubles are for tests');
  return undefined;
}

function cycleProblems(modules: readonly SourceModule[]): readonly string[] {
  const edges = new Map<string, readonly string[]>();
  for (const { path, imports } of modules) {
    edges.set(
      path,
      imports.flatMap(({ to, isTypeOnly }) => (to === undefined || isTypeOnly ? [] : [to])),
    );
  }
  return findCycles(edges).map((cycle) => `cycle: ${cycle.join(' → ')}`);
}

function ruleOf(path: string): BoundaryRule | undefined {
  return boundaryRules.find(({ folder }) => isInside(path, folder));
}

function featureOf(path: string): string | undefined {
  return /^renderer\/features\/([^/]+)\//.exec(path)?.[1];
}

function isInside(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

/** Tests, their beds and doubles. */
function isTestPath(path: string): boolean {
  return (
    /\.test\.tsx?$/.test(path) ||
    /\/testing\//.test(path) ||
    /(^|[/-])(test-[a-z-]+|fake-[a-z-]+|[a-z-]+-test-bed)\.ts$/.test(path)
  );
}

function packageName(specifier: string): string {
  const [first = '', second = ''] = specifier.split('/');
  return first.startsWith('@') ? `${first}/${second}` : first;
}

function shippedPackages(): ReadonlySet<string> {
  const text = readFileSync(join(checkout, 'package.json'), 'utf8');
  const { dependencies } = JSON.parse(text) as { readonly dependencies: Readonly<Record<string, string>> };
  return new Set(Object.keys(dependencies));
}
