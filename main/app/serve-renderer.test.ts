import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { serveRenderer } from './serve-renderer.ts';

const root = mkdtempSync(join(tmpdir(), 'serve-renderer-'));
const directory = join(root, 'renderer');

beforeAll(() => {
  mkdirSync(directory);
  writeFileSync(join(directory, 'index.html'), 'page');
  writeFileSync(join(directory, 'index.js'), 'script');
  writeFileSync(join(root, 'secret.json'), 'secret');
});
afterAll(() => rmSync(root, { recursive: true }));

test('serves the page for every place in the app, with a policy', async () => {
  for (const url of ['app://telepresence', 'app://telepresence/', 'app://telepresence/workloads/shop?x=1']) {
    const response = await serveRenderer(directory, url);
    expect(await response.text()).toBe('page');
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
  }
  const script = await serveRenderer(directory, 'app://telepresence/index.js');
  expect(script.headers.get('content-type')).toContain('text/javascript');
});

test.each([
  'app://telepresence/../secret.json',
  'app://telepresence/%2e%2e/secret.json',
  'app://telepresence/..%2fsecret.json',
  'app://telepresence/..%5csecret.json',
  'app://other/index.js',
  'app://telepresence.example.com/index.js',
  'https://telepresence/index.js',
  'app://telepresence/missing.js',
])('serves nothing for %s', async (url) => {
  expect((await serveRenderer(directory, url)).status).toBe(404);
});
