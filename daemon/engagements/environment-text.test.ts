import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { environmentText } from './environment-text.ts';

const tricky = `it's "50%" of $HOME \\ \`x\``;

describe('an environment as text', () => {
  it.each([
    ['docker', `A=1\nB=${tricky}\n`],
    ['compose', 'A="1"\nB="it\'s \\"50%\\" of \\$HOME \\\\ `x`"\n'],
    ['sh', `A='1'\nB='it'\\''s "50%" of $HOME \\ \`x\`'\n`],
    ['sh:export', `export A='1'\nexport B='it'\\''s "50%" of $HOME \\ \`x\`'\n`],
    ['csh', `set A='1'\nset B='it'\\''s "50%" of $HOME \\ \`x\`'\n`],
    ['csh:export', `setenv A '1'\nsetenv B 'it'\\''s "50%" of $HOME \\ \`x\`'\n`],
    ['cmd', `set "A=1"\nset "B=it's "50%%" of $HOME \\ \`x\`"\n`],
    ['json', `${JSON.stringify({ A: '1', B: tricky }, undefined, 2)}\n`],
    ['ps', `\${A}='1'\n\${B}='it''s "50%" of $HOME \\ \`x\`'\n`],
    ['ps:export', `\${Env:A}='1'\n\${Env:B}='it''s "50%" of $HOME \\ \`x\`'\n`],
  ] as const)('is written in the syntax %s', (syntax, expected) => {
    expect(environmentText({ B: tricky, A: '1' }, syntax)).toEqual({ text: expected, leftOut: [] });
  });

  it.each(['docker', 'cmd'] as const)('has no way to write several lines in the syntax %s', (syntax) => {
    expect(() => environmentText({ A: 'one\ntwo' }, syntax)).toThrow(
      expect.objectContaining({ code: 'engagement.environment', context: { variable: 'A', syntax } }),
    );
  });

  it('keeps several lines in the others', () => {
    expect(environmentText({ A: 'one\ntwo' }, 'compose').text).toBe('A="one\\ntwo"\n');
    expect(environmentText({ A: 'one\ntwo' }, 'sh').text).toBe("A='one\ntwo'\n");
    expect(environmentText({ A: 'one\ntwo!' }, 'csh:export').text).toBe("setenv A 'one\\\ntwo\\!'\n");
    expect(environmentText({ A: 'one\ntwo' }, 'ps').text).toBe("${A}='one\ntwo'\n");
  });

  it('leaves out what a shell has no name for, and says so', () => {
    expect(environmentText({ 'a.b': '1', A: '2' }, 'sh:export')).toEqual({ text: "export A='2'\n", leftOut: ['a.b'] });
    expect(environmentText({ 'a.b': '1' }, 'docker')).toEqual({ text: 'a.b=1\n', leftOut: [] });
  });

  it('is read by a real shell as it was', () => {
    const value = `${tricky}\nsecond line\n`;
    const { text } = environmentText({ VALUE: value }, 'sh:export');
    const printed = execFileSync('/bin/sh', [
      '-c',
      `${text}exec "$0" -e 'process.stdout.write(process.env.VALUE)'`,
      process.execPath,
    ]);
    expect(printed.toString()).toBe(value);
  });
});
