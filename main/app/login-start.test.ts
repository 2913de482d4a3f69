import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { createLoginStart } from './login-start.ts';

const home = mkdtempSync(join(tmpdir(), 'login-start-'));
const file = join(home, '.config/autostart/telepresence.desktop');
afterAll(() => rmSync(home, { recursive: true }));

const options = {
  platform: 'linux',
  env: {},
  homeDirectory: home,
  executable: '/opt/My "Apps"/telepresence',
  setLoginItemSettings: () => expect.unreachable(),
} as const;

test('writes and removes the entry of the desktop', () => {
  const start = createLoginStart(options);
  start.set(true);
  expect(readFileSync(file, 'utf8')).toContain('Exec="/opt/My \\"Apps\\"/telepresence" --started-at-login\n');
  start.set(false);
  expect(existsSync(file)).toBe(false);
  start.set(false);
});

test('starts the image, where the app is one', () => {
  createLoginStart({ ...options, env: { APPIMAGE: '/home/me/Telepresence.AppImage' } }).set(true);
  expect(readFileSync(file, 'utf8')).toContain('Exec="/home/me/Telepresence.AppImage"');
});

test('leaves the list to the system where it keeps one', () => {
  const asked: unknown[] = [];
  createLoginStart({ ...options, platform: 'darwin', setLoginItemSettings: (settings) => asked.push(settings) }).set(true);
  expect(asked).toEqual([{ openAtLogin: true, args: ['--started-at-login'] }]);
});
