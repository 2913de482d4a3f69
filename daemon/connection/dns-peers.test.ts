import { beforeEach, describe, expect, it } from 'vitest';
import type { Connection } from '#protocol/local-api/model.ts';
import { StateStore } from '../state/state-store.ts';
import { introduceDnsServers } from './dns-peers.ts';

const connection = (name: string, address?: string, mode: Connection['mode'] = 'host') =>
  ({ name, mode, ...(address === undefined ? {} : { dns: { address } }) }) as Connection;

describe('the introduction of connections to each other', () => {
  let state: StateStore;
  let told: string[];

  beforeEach(() => {
    state = new StateStore({} as ConstructorParameters<typeof StateStore>[0]);
    told = [];
    introduceDnsServers(state, (name, peers) => told.push(`${name}: ${peers.join(' ')}`));
  });

  it('tells each of the others, once, newest first, and that one has gone', () => {
    state.put('connections', 'a', connection('a', '198.18.0.1'));
    expect(told).toEqual([]);
    state.put('connections', 'b', connection('b'));
    expect(told).toEqual(['b: 198.18.0.1']);
    state.put('connections', 'b', connection('b', '198.18.0.9'));
    state.put('connections', 'b', connection('b', '198.18.0.9'));
    expect(told.splice(0)).toEqual(['b: 198.18.0.1', 'a: 198.18.0.9']);
    state.put('connections', 'c', connection('c', '198.18.0.17'));
    expect(told.splice(0)).toEqual(['c: 198.18.0.9 198.18.0.1', 'b: 198.18.0.17 198.18.0.1', 'a: 198.18.0.17 198.18.0.9']);
    state.put('connections', 'a', connection('a'));
    expect(told.splice(0)).toEqual(['c: 198.18.0.9', 'b: 198.18.0.17']);
    state.remove('connections', 'b');
    expect(told).toEqual(['c: ', 'a: 198.18.0.17']);
  });

  it('leaves out a connection in namespaces of its own', () => {
    state.put('connections', 'a', connection('a', '198.18.0.1'));
    state.put('connections', 'r', connection('r', '198.18.0.1', 'rootless'));
    expect(told).toEqual([]);
  });
});
