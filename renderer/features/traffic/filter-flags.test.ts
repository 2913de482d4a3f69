import { expect, it } from 'vitest';
import { noFilter } from '#protocol/local-api/traffic-filter.ts';
import { filterFlags } from './filter-flags.ts';

it('names the flags that narrow the command down as the chips do', () => {
  expect(filterFlags(noFilter)).toEqual([]);
  const filter = { ...noFilter, methods: ['GET', 'connection'], statuses: ['4', 'open'] as const, text: ' two words ' };
  expect(filterFlags(filter)).toEqual(['--method', 'GET', '--status', '4xx,open', '--grep', 'two words']);
});
