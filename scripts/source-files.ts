import { globSync } from 'node:fs';
import { checkout } from './checkout.ts';

const ignored = ['**/node_modules', '**/dist', '**/.cache', '**/generated'];

/** Every TypeScript file of this product that a person wrote, relative to the checkout, sorted. */
export function sourceFiles(): readonly string[] {
  const found = globSync('**/*.{ts,tsx}', { cwd: checkout, exclude: ignored });
  return found.filter((path) => !path.endsWith('.d.ts')).toSorted();
}
