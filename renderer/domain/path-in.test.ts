import { expect, it } from 'vitest';
import { pathIn } from './path-in.ts';

it.each([
  ['/home/dev', '/home/dev/logs.zip'],
  ['/', '/logs.zip'],
  ['C:\\Users\\dev', 'C:\\Users\\dev\\logs.zip'],
  ['C:\\', 'C:\\logs.zip'],
])('writes a path as the system of the folder %s does', (folder, path) => {
  expect(pathIn(folder, 'logs.zip')).toBe(path);
});
