import { describe, expect, it } from 'vitest';
import { parseOptions } from './options.ts';

describe('parseOptions', () => {
  it('compares all ways in five rounds by default', () => {
    expect(parseOptions([])).toMatchObject({
      filters: [],
      ways: ['ours', 'pf', 'direct'],
      rounds: 5,
      isQuick: false,
      connections: 1000,
    });
  });

  it('takes filters, ways and counts', () => {
    expect(parseOptions(['Bulk', '--ways', 'direct,pf', '--quick', '--connections', '10000'])).toMatchObject({
      filters: ['bulk'],
      ways: ['pf', 'direct'],
      isQuick: true,
      connections: 10_000,
    });
  });

  it.each([[['--ways', 'mine']], [['--rounds', '0']], [['--rounds']], [['--what']]])('refuses %j', (args) => {
    expect(() => parseOptions(args)).toThrow();
  });
});
