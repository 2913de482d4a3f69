import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chartValues } from '../protocol/chart/values.ts';

const page = readFileSync(new URL('../docs/values.md', import.meta.url), 'utf8');

/** Paths of all values that have a default, but for those of records that are handed on. */
function paths(value: unknown, path: readonly string[] = []): readonly string[] {
  const isGroup = typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
  if (!isGroup || path.join('.') === 'agent.mountPolicies') return [path.join('.')];
  return Object.entries(value).flatMap(([key, inner]) => paths(inner, [...path, key]));
}

describe('the page of values', () => {
  it.each([...paths(chartValues.parse({})), 'namespaceSelector', 'agentInjector.enabled'])('has %s', (path) => {
    expect(page).toContain(`\`${path}\``);
  });

  it('has no other', () => {
    const table = page.slice(page.indexOf('## Values'), page.indexOf('## Annotations'));
    const rows = table.split('\n').filter((line) => line.startsWith('| `'));
    const named = rows.flatMap((row) => [...(row.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)].map(([, path]) => path ?? ''));
    const known = new Set([...paths(chartValues.parse({})), 'namespaceSelector', 'agentInjector.enabled']);
    expect(named.filter((path) => !known.has(path))).toEqual([]);
  });
});
