import { describe, expect, it } from 'vitest';
import { demoUsage, readDemoOptions } from './demo-options.ts';

const user = { isTerminal: true, uid: 1000 };

describe('the options of the demo', () => {
  it('asks between the steps where a person sits at a terminal, and goes on by itself otherwise', () => {
    expect(readDemoOptions([], user).yes).toBe(false);
    expect(readDemoOptions(['--yes'], user).yes).toBe(true);
    expect(readDemoOptions([], { ...user, isTerminal: false }).yes).toBe(true);
  });

  it('leaves the network of the machine alone unless root wants it otherwise', () => {
    expect(readDemoOptions([], user).rootless).toBe(true);
    expect(readDemoOptions([], { ...user, uid: 0 }).rootless).toBe(false);
    expect(readDemoOptions(['--rootless'], { ...user, uid: 0 }).rootless).toBe(true);
    expect(readDemoOptions([], { ...user, uid: undefined }).rootless).toBe(true);
  });

  it('takes a context and what is to stay', () => {
    expect(readDemoOptions(['--context', 'kind-a', '--keep'], user)).toMatchObject({
      context: 'kind-a',
      keep: true,
      help: false,
    });
    expect(readDemoOptions([], user)).toMatchObject({ context: undefined, keep: false });
  });

  it.each([[['--kepe']], [['--context']], [['extra']]])('refuses %j, and says why', (args) => {
    expect(() => readDemoOptions(args, user)).toThrow(TypeError);
  });

  it('has a line of help for each', () => {
    for (const flag of ['--context NAME', '--keep', '--yes', '--rootless']) expect(demoUsage).toContain(`  ${flag} `);
  });
});
