import { describe, expect, it } from 'vitest';
import { asBefore, compareMachineStates, type MachineState, relevantLines } from './machine-state.ts';

const read = (...lines: readonly string[]) => ({ kind: 'read', lines }) as const;
const unreadable = (reason: string) => ({ kind: 'unreadable', reason }) as const;

const before: MachineState = {
  interfaces: read('lo UNKNOWN', 'eth0 UP'),
  'packet filter': read('table inet a {', '}', 'table inet b {', '}'),
};

describe('the comparison of a machine before and after', () => {
  it('finds nothing where everything is the same', () => {
    const comparison = compareMachineStates(before, before);
    expect(comparison).toEqual({ compared: ['interfaces', 'packet filter'], unseen: [], changes: [] });
    expect(asBefore(comparison)).toBe('As before on this machine: interfaces, packet filter.');
  });

  it('names what came and what went', () => {
    const after = { ...before, interfaces: read('lo UNKNOWN', 'tel0 UP') };
    expect(compareMachineStates(before, after).changes).toEqual(['interfaces: gone: eth0 UP', 'interfaces: new: tel0 UP']);
  });

  it('counts lines that are there more than once', () => {
    const after = { ...before, 'packet filter': read('table inet a {', '}', 'table inet b {', '}', '}') };
    expect(compareMachineStates(before, after).changes).toEqual(['packet filter: new: }']);
    expect(compareMachineStates(after, before).changes).toEqual(['packet filter: gone: }']);
  });

  it('takes a program that fails afterwards for a change', () => {
    const after = { ...before, 'packet filter': unreadable('netlink: error') };
    expect(compareMachineStates(before, after).changes).toEqual(['packet filter: cannot be read any more: netlink: error']);
    expect(compareMachineStates(before, { interfaces: read('lo UNKNOWN', 'eth0 UP') }).changes).toHaveLength(1);
  });

  it('says what it could not compare, and does not call that the same', () => {
    const blind: MachineState = { interfaces: read('lo UNKNOWN'), 'packet filter': unreadable('Operation not permitted') };
    const comparison = compareMachineStates(blind, blind);
    expect(comparison).toEqual({
      compared: ['interfaces'],
      unseen: ['packet filter (Operation not permitted)'],
      changes: [],
    });
    expect(asBefore(comparison)).toContain('Not compared, for this user cannot see it: packet filter (Operation not permitted).');
    expect(asBefore(compareMachineStates({ rules: unreadable('x') }, { rules: read('0:') }))).toContain('rules (x, before)');
  });

  it('leaves out what changes by itself, and what is of containers of others', () => {
    expect(
      relevantLines('default via fe80::1 expires 1742sec pref medium\n\nveth0123abcd@if2 UP \nv-l-aB3xYz@if5 UP\neth0 UP   \n'),
    ).toEqual(['default via fe80::1 pref medium', 'eth0 UP']);
  });

  it('leaves out what Kubernetes and container engines do to the packet filter', () => {
    const rules = [
      'table ip filter {',
      '\tchain FORWARD {',
      '\t\tcounter jump KUBE-FORWARD',
      '\t\tip saddr 192.0.2.1 drop',
      '\t}',
      '\tchain KUBE-FORWARD {',
      '\t\tct state invalid drop',
      '\t}',
      '}',
      'table ip kube-proxy {',
      '\tchain services {',
      '\t}',
      '}',
      'table inet telepresence {',
      '}',
    ];
    expect(relevantLines(rules.join('\n'))).toEqual([
      'table ip filter {',
      '\tchain FORWARD {',
      '\t\tip saddr 192.0.2.1 drop',
      '\t}',
      '}',
      'table inet telepresence {',
      '}',
    ]);
  });
});
