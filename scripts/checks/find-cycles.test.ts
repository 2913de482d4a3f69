import { describe, expect, it } from 'vitest';
import { findCycles } from './find-cycles.ts';

function graph(edges: Readonly<Record<string, readonly string[]>>) {
  return new Map(Object.entries(edges));
}

describe('findCycles', () => {
  it('finds none where every way ends', () => {
    expect(findCycles(graph({ a: ['b', 'c'], b: ['c'], c: [] }))).toEqual([]);
  });

  it('shows the shortest way round', () => {
    expect(findCycles(graph({ a: ['b', 'c'], b: ['c'], c: ['a'] }))).toEqual([['a', 'c', 'a']]);
  });

  it('finds a module that imports itself, and groups apart from each other', () => {
    const cycles = findCycles(graph({ a: ['a', 'b'], b: ['c'], c: ['d'], d: ['c'] }));
    expect(cycles).toHaveLength(2);
    expect(cycles).toContainEqual(['a', 'a']);
  });
});
