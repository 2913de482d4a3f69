import { describe, expect, it } from 'vitest';
import { splitLines } from './helper-lines.ts';

describe('helper lines', () => {
  it('gives the same lines however the text is cut', () => {
    const text = '{"a":1}\n\n{"b":2}\n{"c"';
    let rest = '';
    const lines: string[] = [];
    for (const character of text) {
      const split = splitLines(rest, character, 100);
      lines.push(...(split?.lines ?? []));
      rest = split?.rest ?? '';
    }
    expect(lines).toEqual(['{"a":1}', '{"b":2}']);
    expect({ lines, rest }).toEqual(splitLines('', text, 100));
  });

  it('refuses a line that is too long before it ends', () => {
    expect(splitLines('1234', '5', 5)).toEqual({ lines: [], rest: '12345' });
    expect(splitLines('1234', '56', 5)).toBeUndefined();
    expect(splitLines('1234', '56\n', 5)).toBeUndefined();
  });
});
