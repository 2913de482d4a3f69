import { expect, test } from 'vitest';
import { editText, formOf, parseEdit, settingsOf } from './config-values.ts';

const setting = (path: string, value: unknown) => ({ path, group: path.split('.')[0] ?? '', value, source: 'built-in' });

test('lists every setting that has a source, those without a value too', () => {
  const found = settingsOf(
    { timeouts: { helm: '30s' }, images: {} },
    { 'timeouts.helm': '/c.yml', 'images.agentImage': 'built-in' },
  );
  expect(found).toEqual([
    { path: 'timeouts.helm', group: 'timeouts', value: '30s', source: '/c.yml' },
    { path: 'images.agentImage', group: 'images', value: undefined, source: 'built-in' },
  ]);
});

test.each([
  [setting('dns.recursionCheck', false), 'switch', 'false'],
  [setting('logLevels.cli', 'info'), 'level', 'info'],
  [setting('timeouts.helm', '30s'), 'text', '30s'],
  [setting('images.agentImage', undefined), 'text', ''],
  [setting('dns.excludeSuffixes', ['.com', '.io']), 'list', '.com, .io'],
  [setting('dns.mappings', [{ name: 'a', aliasFor: 'b' }]), 'json', '[{"name":"a","aliasFor":"b"}]'],
] as const)('offers %o as %s', (given, form, text) => {
  expect(formOf(given)).toBe(form);
  expect(editText(given.value, form)).toBe(text);
});

test('reads what was typed in', () => {
  expect(parseEdit(' .com, , .io', 'list')).toEqual({ value: ['.com', '.io'] });
  expect(parseEdit('', 'list')).toEqual({ value: [] });
  expect(parseEdit('[{"name":"a"}]', 'list')).toEqual({ value: [{ name: 'a' }] });
  expect(parseEdit('[{', 'json')).toBeUndefined();
  expect(parseEdit('true', 'switch')).toEqual({ value: true });
  expect(parseEdit(' 40s ', 'text')).toEqual({ value: '40s' });
});
