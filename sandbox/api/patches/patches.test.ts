import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../../store/objects.ts';
import { applyJsonPatch, applyMergePatch } from './json-patch.ts';
import { applyServerSide } from './server-side-apply.ts';
import { applyStrategicPatch } from './strategic-merge.ts';

describe('JSON patch', () => {
  it('adds, replaces, removes, moves, copies and tests', () => {
    const patched = applyJsonPatch<unknown>({ a: [1, 2], 'b/c': { d: 1 } }, [
      { op: 'test', path: '/a/0', value: 1 },
      { op: 'add', path: '/a/-', value: 3 },
      { op: 'remove', path: '/a/0' },
      { op: 'copy', from: '/a', path: '/e' },
      { op: 'move', from: '/b~1c/d', path: '/f' },
      { op: 'replace', path: '/a/0', value: 9 },
    ]);
    expect(patched).toEqual({ a: [9, 3], 'b/c': {}, e: [2, 3], f: 1 });
    expect(() => applyJsonPatch({}, [{ op: 'remove', path: '/x' }])).toThrow(/nothing at \/x/);
    expect(applyMergePatch({ a: 1, b: { c: 1 } }, { a: null, b: { d: [1] } })).toEqual({ b: { c: 1, d: [1] } });
  });
});

describe('strategic merge patch', () => {
  const pod = {
    spec: { containers: [{ name: 'app', image: 'a:1', ports: [{ containerPort: 80, name: 'http' }] }, { name: 'log' }] },
  };

  it('merges containers and their ports by name', () => {
    const patch = { spec: { containers: [{ name: 'app', ports: [{ containerPort: 80, name: 'web' }] }, { name: 'new' }] } };
    expect(applyStrategicPatch(pod, patch)).toEqual({
      spec: {
        containers: [
          { name: 'app', image: 'a:1', ports: [{ containerPort: 80, name: 'web' }] },
          { name: 'log' },
          { name: 'new' },
        ],
      },
    });
  });

  it('obeys its directives', () => {
    const patch = {
      spec: {
        '$setElementOrder/containers': [{ name: 'new' }, { name: 'app' }],
        containers: [{ name: 'new' }, { name: 'log', $patch: 'delete' }],
      },
      metadata: { '$deleteFromPrimitiveList/finalizers': ['x'], finalizers: ['z'] },
      strategy: { $retainKeys: ['type'], type: 'Recreate' },
      data: { $patch: 'replace', a: '1' },
    };
    const current = {
      ...pod,
      metadata: { finalizers: ['x', 'y'] },
      strategy: { rollingUpdate: {}, type: 'R' },
      data: { b: '2' },
    };
    expect(applyStrategicPatch(current, patch)).toMatchObject({
      spec: { containers: [{ name: 'new' }, { name: 'app', image: 'a:1' }] },
      metadata: { finalizers: ['y', 'z'] },
      strategy: { type: 'Recreate' },
      data: { a: '1' },
    });
  });
});

describe('server-side apply', () => {
  const time = '2026-01-01T00:00:00Z';
  const apply = (current: unknown, spec: unknown, manager = 'one', isForced = false) =>
    applyServerSide(
      current as KubeObject | undefined,
      { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec },
      { manager, isForced, time },
    );

  it('removes what its manager no longer applies, and leaves what others wrote', () => {
    const first = apply(undefined, { a: 1, b: { c: 1 }, containers: [{ name: 'x', image: 'i' }, { name: 'y' }] });
    const defaulted = { ...first, spec: { ...(first.spec as object), restartPolicy: 'Always' } };
    const second = apply(defaulted, { b: {}, containers: [{ name: 'x' }] });
    expect(second.spec).toEqual({ b: {}, containers: [{ name: 'x' }], restartPolicy: 'Always' });
    expect(apply(second, { b: {}, containers: [{ name: 'x' }] })).toEqual(second);
  });

  it('refuses to change what another one applies, unless forced, and then takes it over', () => {
    const first = apply(undefined, { replicas: 1, containers: [{ name: 'x', image: 'i' }] });
    expect(apply(first, { replicas: 1 }, 'two').spec).toEqual(first.spec);
    const change = { containers: [{ name: 'x', image: 'j' }] };
    expect(() => apply(first, change, 'two')).toThrow('conflict with "one": .spec.containers[{"name":"x"}].image');
    const forced = apply(first, change, 'two', true);
    expect(forced.spec).toEqual({ replicas: 1, containers: [{ name: 'x', image: 'j' }] });
    expect(apply(forced, { replicas: 1, containers: [{ name: 'x' }] }, 'one').spec).toEqual(forced.spec);
  });
});
