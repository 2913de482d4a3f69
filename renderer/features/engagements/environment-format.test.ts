import { expect, it } from 'vitest';
import { formatEnvironment } from './environment-format.ts';

const environment = { QUOTE: `it's "so" $HOME`, PLAIN: 'a:b/c', EMPTY: '', LINES: 'one\ntwo', 'dotted.name': 'x' };

it('is taken as it is by a shell, without what no shell has a name for', () => {
  expect(formatEnvironment(environment, 'sh')).toBe(
    `export EMPTY=''\nexport LINES='one\ntwo'\nexport PLAIN=a:b/c\nexport QUOTE='it'\\''s "so" $HOME'\n`,
  );
});

it('is sorted, and quoted only where that is needed, in a .env file', () => {
  expect(formatEnvironment({ B: 'a b', A: '1', C: "it's" }, 'dotenv')).toBe(`A=1\nB='a b'\nC="it's"\n`);
  expect(formatEnvironment({ A: 'one\ntwo' }, 'dotenv')).toBe('A="one\\ntwo"\n');
});

it('is JSON with every variable', () => {
  expect(JSON.parse(formatEnvironment(environment, 'json'))).toEqual(environment);
});
