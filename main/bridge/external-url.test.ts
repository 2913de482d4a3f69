import { expect, test } from 'vitest';
import { checkExternalUrl } from './external-url.ts';

test.each([
  'https://example.com/docs',
  'http://cart.shop/',
  'http://cart:8080/',
  'http://cart.shop.svc.cluster.local/',
  'http://127.0.0.1:3000/',
])('opens %s', (url) => expect(checkExternalUrl(url)).toBe(url));

test.each([
  'file:///etc/passwd',
  'javascript:alert(1)',
  'smb://share/x',
  'telepresence://connect',
  'http://203.0.113.7/',
  'http://www.example.com/',
  'https://user:secret@example.com/',
  'not an address',
])('refuses %s', (url) => {
  expect(() => checkExternalUrl(url)).toThrow('is not opened');
});
