import { describe, expect, it } from 'vitest';
import { parseCommandLine } from './command-line.ts';

describe('helper command line', () => {
  it('serves an instance for a user', () => {
    const args = ['--instance', '0123456789ab', '--uid', '1000'];
    expect(parseCommandLine(args)).toEqual({
      kind: 'serve',
      instance: '0123456789ab',
      uid: 1000,
      detach: false,
      isService: false,
    });
    expect(parseCommandLine([...args, '--detach'])).toMatchObject({ detach: true });
    expect(parseCommandLine([...args, '--service'])).toMatchObject({ isService: true });
  });

  it('restores an instance', () => {
    expect(parseCommandLine(['--restore', '--instance', '0123456789ab'])).toEqual({ kind: 'restore', instance: '0123456789ab' });
  });

  it.each([
    [[]],
    [['--instance', '../../../etc', '--uid', '0']],
    [['--instance', '0123456789ab']],
    [['--instance', '0123456789ab', '--uid', '-1']],
    [['--instance', '0123456789ab', '--uid', '4294967295']],
    [['--instance', '0123456789ab', '--uid', '1000', '--socket', '/tmp/x']],
    [['--instance', '0123456789ab', '--uid', '1000', '--detach', '--service']],
  ])('refuses %j', (args) => {
    expect(parseCommandLine(args)).toMatchObject({ kind: 'invalid' });
  });
});
