import { describe, expect, it } from 'vitest';
import { nearestNames } from './nearest-names.ts';
import { areInConflict, requestFilterOf } from './request-filter.ts';

const everything = ['tcp'];
const adam = ['--http-header=X-User=adam'];
const eve = ['--http-header=x-user: eve'];
const adamS = [...adam, '--http-header=S=1'];
const path = (kind: string, text: string) => [`--http-path-${kind}=${text}`];
const filter = (mechanismArgs: readonly string[]) =>
  requestFilterOf({ mechanism: mechanismArgs === everything ? 'tcp' : 'http', mechanismArgs: [...mechanismArgs] });

describe('two intercepts of one port', () => {
  it.each<[string, readonly string[], readonly string[], boolean]>([
    ['both everything', everything, everything, true],
    ['everything and a header', everything, adam, true],
    ['http without a filter and a header', ['--plaintext'], adam, true],
    ['two values of one header', adam, eve, false],
    ['the same header', adam, ['--http-header=x-USER=adam'], true],
    ['headers among the others', adam, adamS, true],
    ['headers that share none', adam, ['--http-header=S=1'], false],
    ['the same headers on paths apart', [...adam, ...path('prefix', '/a')], [...adam, ...path('prefix', '/b')], false],
    ['the same headers on paths that overlap', [...adam, ...path('prefix', '/a')], [...adam, ...path('equal', '/a/b')], true],
    ['the same headers, one on a path', adam, [...adam, ...path('prefix', '/a')], true],
    ['a path and a header', path('prefix', '/'), adam, false],
    ['a prefix of the other', path('prefix', '/api'), path('prefix', '/api/v1'), true],
    ['prefixes apart', path('prefix', '/api'), path('prefix', '/web'), false],
    ['equal paths', path('equal', '/a'), path('equal', '/a'), true],
    ['unequal paths', path('equal', '/a'), path('equal', '/ab'), false],
    ['an expression that begins elsewhere', path('regex', '^/api/.*'), path('prefix', '/web'), false],
    ['an expression that begins within', path('regex', '^/api/v[12]/'), path('prefix', '/api'), true],
    ['an expression without a beginning', path('regex', 'v1'), path('equal', '/web'), true],
    ['an expression with an optional letter', path('regex', '^/apis?/'), path('prefix', '/api/'), true],
    ['an expression with alternatives', path('regex', '^/a|^/b'), path('prefix', '/b'), true],
  ])('%s', (_name, a, b, expected) => {
    expect(areInConflict(filter(a), filter(b))).toBe(expected);
    expect(areInConflict(filter(b), filter(a))).toBe(expected);
  });
});

describe('nearest names', () => {
  const known = ['shop', 'shop-db', 'mail', 'checkout'];
  it.each([
    ['shpo', ['shop']],
    ['Shop', ['shop', 'shop-db']],
    ['chekout', ['checkout']],
    ['db', ['shop-db']],
    ['inventory', []],
  ])('%s', (name, expected) => {
    expect(nearestNames(name, known)).toEqual(expected);
  });
});
