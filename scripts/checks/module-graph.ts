import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import { checkout } from '../checkout.ts';

/** One import or re-export, as written. */
export interface ImportEdge {
  /** Path relative to the checkout. */
  readonly from: string;
  readonly specifier: string;
  /** A file of this checkout, relative to it; undefined for packages and Node's modules. */
  readonly to: string | undefined;
  /** Erased by the compiler, so that nothing of it is there at run time. */
  readonly isTypeOnly: boolean;
}

export interface SourceModule {
  readonly path: string;
  readonly imports: readonly ImportEdge[];
  /** Has nothing but re-exports. */
  readonly isBarrel: boolean;
}

/**
 * Reads what a file imports, also types by `import('…')`. The parser is oxc's, for the compiler's own has no stable interface
 * for programs in version 7.
 */
export function readModule(path: string): SourceModule {
  const text = readFileSync(join(checkout, path), 'utf8');
  const { module, program, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const imports: ImportEdge[] = [];
  const add = (specifier: string, isTypeOnly: boolean) =>
    imports.push({ from: path, specifier, to: resolveInside(path, specifier), isTypeOnly });

  for (const { moduleRequest, entries } of module.staticImports) {
    add(moduleRequest.value, entries.length > 0 && entries.every((entry) => entry.isType));
  }
  for (const { entries } of module.staticExports) {
    for (const { moduleRequest, isType } of entries) if (moduleRequest !== null) add(moduleRequest.value, isType);
  }
  if (/\bimport\s*\(/.test(text)) {
    new Visitor({
      ImportExpression: ({ source }) => {
        if (source.type === 'Literal' && typeof source.value === 'string') add(source.value, false);
      },
      TSImportType: ({ source }) => add(source.value, true),
    }).visit(program);
  }
  const isReExport = (type: string) => type === 'ExportAllDeclaration';
  const isBarrel =
    program.body.length > 0 &&
    program.body.every((node) => isReExport(node.type) || (node.type === 'ExportNamedDeclaration' && node.source !== null));
  return { path, imports, isBarrel };
}

/** `#base/…` and relative paths; the checkout's folder names are the subpath imports of package.json. */
function resolveInside(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (!specifier.startsWith('.')) return undefined;
  const absolute = join(checkout, dirname(from), specifier);
  return relative(checkout, absolute);
}

/** Whether the file that an edge names is there. */
export function isFound(path: string): boolean {
  return existsSync(join(checkout, path));
}
