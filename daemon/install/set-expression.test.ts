import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import { mergeGivenValues } from './merge-values.ts';

const set = (...expressions: readonly string[]) =>
  mergeGivenValues(
    {},
    expressions.map((expression) => ({ kind: 'set', expression })),
  );

describe('values as given on the command line', () => {
  it('reads what Helm’s --set takes', () => {
    expect(set('a=1,b.c=true,d=text,e=null,f=')).toEqual({ a: 1, b: { c: true }, d: 'text', e: null, f: '' });
    expect(set('list={1,x,{y}')).toEqual({ list: [1, 'x', '{y'] });
    expect(set('list={}')).toEqual({ list: [] });
    expect(set('a[0].b=1,a[1].b=2')).toEqual({ a: [{ b: 1 }, { b: 2 }] });
    expect(set('a[1]=x')).toEqual({ a: [null, 'x'] });
    expect(set('a[0][1]=x')).toEqual({ a: [[null, 'x']] });
    expect(set(String.raw`nodeSelector.kubernetes\.io/role=master,t=one\,two`)).toEqual({
      nodeSelector: { 'kubernetes.io/role': 'master' },
      t: 'one,two',
    });
  });

  it('takes for a number only what is one for Helm', () => {
    expect(set('a=0,b=-5,c=007,d=1.5,e=1e3,f=99999999999999999999')).toEqual({
      a: 0,
      b: -5,
      c: '007',
      d: '1.5',
      e: '1e3',
      f: '99999999999999999999',
    });
  });

  it('joins maps and replaces everything else, later over earlier', () => {
    const values = mergeGivenValues({ image: { tag: 'a', name: 'n' } }, [
      { kind: 'yaml', source: 'values.yaml', text: 'image: { tag: b }\nnamespaces: [x, y]\n' },
      { kind: 'set', expression: 'namespaces={z}' },
      { kind: 'set-string', expression: 'podLabels.build=17' },
      { kind: 'set-json', expression: 'tolerations=[{"key":"a"},{"key":"b"}],resources={"limits":{"cpu":"1"}}' },
      { kind: 'set-json', expression: '{"logLevel":"debug"}' },
      { kind: 'set-file', expression: 'client.text=notes.txt', text: 'a,b={c}' },
    ]);
    expect(values).toEqual({
      image: { tag: 'b', name: 'n' },
      namespaces: ['z'],
      podLabels: { build: '17' },
      tolerations: [{ key: 'a' }, { key: 'b' }],
      resources: { limits: { cpu: '1' } },
      logLevel: 'debug',
      client: { text: 'a,b={c}' },
    });
  });

  it.each(['a', '=1', 'a..b=1', 'a[x]=1', 'a[99999999]=1', 'list={1,2', 'a.b,c=1'])('refuses %s', (expression) => {
    expect(() => set(expression)).toThrow(expect.objectContaining({ code: 'install.values-invalid' }) as AppError);
  });

  it('refuses files that are no YAML, or no map', () => {
    for (const text of ['a: [', '- a', 'just text']) {
      const merge = () => mergeGivenValues({}, [{ kind: 'yaml', source: 'values.yaml', text }]);
      expect(merge, text).toThrow(
        expect.objectContaining({
          code: 'install.values-invalid',
          message: expect.stringContaining('values.yaml') as string,
        }) as AppError,
      );
    }
    expect(mergeGivenValues({}, [{ kind: 'yaml', source: 'empty.yaml', text: '# nothing\n' }])).toEqual({});
  });

  it('cannot be made to change what every object inherits', () => {
    const values = set('__proto__.polluted=1', 'constructor.prototype.polluted=1');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect(Object.hasOwn(values, '__proto__')).toBe(true);
  });

  it('reads every text back that is escaped, or says what is wrong with it', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string(), (key, value) => {
        const escaped = (text: string) => text.replaceAll(/[\\,.=[\]{}]/g, String.raw`\$&`);
        const [assigned] = Object.entries(
          mergeGivenValues({}, [{ kind: 'set-string', expression: `${escaped(key)}=${escaped(value)}` }]),
        );
        expect(assigned).toEqual([key, value]);
      }),
    );
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          set(text);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
        }
      }),
    );
  });
});
