import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { bundle, inAscii } from './bundle.ts';
import { bundleEntries } from './bundle-entries.ts';

it('writes regular expressions and comments in ASCII, and they mean the same', () => {
  const text = inAscii(String.raw`/* § */ [/^[µé]+$/.test('\xb5\xe9'), /^[😀]$/u.test('\u{1f600}'), /^😀$/.test('\u{1f600}')]`);
  expect(text).toMatch(/^[\0-\x7f]*$/);
  expect(runInNewContext(text)).toEqual([true, true, true]);
});

it('makes bundles of ASCII only, in lines that a stack trace can name', async () => {
  const manager = bundleEntries.find(({ name }) => name === 'manager');
  const { text } = await bundle(manager ?? { name: '', source: '', hasCompileCache: false });
  expect(text).toMatch(/^[\0-\x7f]*$/);
  expect(text.split('\n').length).toBeGreaterThan(1_000);
});
