import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import { StateStore } from '../state/state-store.ts';
import { changeConfig } from './change-config.ts';
import { initialPreferences, PreferenceStore } from './preferences.ts';
import { RecentConnections } from './recents.ts';

let directory = '';
const file = (name = 'file') => join(directory, name);
const newState = () =>
  new StateStore({
    version: '0',
    capabilities: [],
    pid: 1,
    executable: '',
    installId: '',
    startedAt: '2026-01-01T00:00:00.000Z',
  });

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'preferences-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('PreferenceStore', () => {
  it('keeps a change for the next daemon, and what is not named as it is', () => {
    new PreferenceStore(file(), newState()).change({ theme: 'dark', isWelcomed: true });
    const state = newState();
    const store = new PreferenceStore(file(), state);
    store.restore(silentLogger);
    store.change({ startHidden: true, theme: undefined });
    expect(state.state.preferences).toEqual({
      preferences: { ...initialPreferences, theme: 'dark', isWelcomed: true, startHidden: true },
    });
    expect(statSync(file()).mode & 0o777).toBe(0o600);
  });

  it.each(['{"theme": "pink", "startHidden": true, "later": 1}', 'broken'])('takes what is of use of %s', (text) => {
    writeFileSync(file(), text);
    const state = newState();
    new PreferenceStore(file(), state).restore(silentLogger);
    const startHidden = text !== 'broken';
    expect(state.state.preferences['preferences']).toEqual({ ...initialPreferences, startHidden });
  });
});

describe('RecentConnections', () => {
  const connection = (namespace: string) => ({ context: 'dev', namespace, server: 'https://dev' }) as Connection;

  it('remembers each place once, without secrets, and the pinned ones beyond all limits', () => {
    const state = newState();
    const recents = new RecentConnections(file(), state, silentLogger);
    recents.record({ kubeFlags: { token: 'secret' }, namespace: 'shop' }, connection('shop'));
    const [id = ''] = Object.keys(state.state.recents);
    recents.change(id, 'pin');
    for (let index = 0; index < 25; index += 1) recents.record({ kubeFlags: {} }, connection(`n${index}`));
    recents.record({ kubeFlags: {}, namespace: 'shop' }, connection('shop'));
    expect(Object.keys(state.state.recents)).toHaveLength(21);
    expect(state.state.recents[id]).toMatchObject({ pinned: true, request: { kubeFlags: {}, namespace: 'shop' } });
    expect(readFileSync(file(), 'utf8')).not.toContain('secret');
    const later = newState();
    new RecentConnections(file(), later, silentLogger).restore();
    expect(later.state.recents).toEqual(state.state.recents);
  });

  it('forgets one for good', () => {
    const state = newState();
    const recents = new RecentConnections(file(), state, silentLogger);
    recents.record({ kubeFlags: {} }, connection('shop'));
    const [id = ''] = Object.keys(state.state.recents);
    recents.change(id, 'forget');
    expect(state.state.recents).toEqual({});
    expect(() => recents.change(id, 'pin')).toThrow('not among the recent ones');
  });
});

describe('changeConfig', () => {
  const text = ['# mine', 'timeouts:', '  helm: 1m # slow here', '  intercept: 10s', '', 'unknown:', '  a: 1', ''].join('\n');

  it('changes one value, and keeps comments and all else', () => {
    writeFileSync(file(), text, { mode: 0o644 });
    changeConfig(file(), 'timeouts.helm', '2m');
    changeConfig(file(), 'dns.excludes', ['a.b']);
    expect(readFileSync(file(), 'utf8')).toBe(
      `${text.replace('1m # slow', '2m # slow').trimEnd()}\ndns:\n  excludes:\n    - a.b\n`,
    );
    expect(statSync(file()).mode & 0o777).toBe(0o644);
  });

  it('makes the file, and takes a value out again', () => {
    changeConfig(file('new/config.yml'), 'timeouts.helm', '2m');
    expect(readFileSync(file('new/config.yml'), 'utf8')).toBe('timeouts:\n  helm: 2m\n');
    changeConfig(file('new/config.yml'), 'timeouts.helm', undefined);
    changeConfig(file('new/config.yml'), 'timeouts.helm', undefined);
    expect(readFileSync(file('new/config.yml'), 'utf8')).toBe('');
  });

  it('replaces the spelling of old', () => {
    writeFileSync(file(), 'dns:\n  local-ip: 10.0.0.1\n');
    changeConfig(file(), 'dns.localAddresses', ['10.0.0.2']);
    expect(readFileSync(file(), 'utf8')).toBe('dns:\n  localAddresses:\n    - 10.0.0.2\n');
  });

  it('refuses what the configuration does not take, and a file that is wrong already', () => {
    writeFileSync(file(), text);
    expect(() => changeConfig(file(), 'timeouts.helm', 'soon')).toThrow('timeouts.helm cannot be that');
    expect(() => changeConfig(file(), 'timeouts.none', '1s')).toThrow('There is no setting timeouts.none');
    expect(() => changeConfig(file(), '__proto__.a', '1s')).toThrow('There is no setting');
    expect(readFileSync(file(), 'utf8')).toBe(text);
    writeFileSync(file(), 'timeouts: {helm: soon}');
    expect(() => changeConfig(file(), 'timeouts.intercept', '1s')).toThrow('not a valid configuration');
    // The wrong value itself can be put right.
    changeConfig(file(), 'timeouts.helm', '1m');
  });
});
