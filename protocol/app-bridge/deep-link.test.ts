import { expect, test } from 'vitest';
import { parseDeepLink } from './deep-link.ts';

test('reads a link to connect and one to intercept', () => {
  expect(parseDeepLink('telepresence://connect?context=kind+dev&namespace=shop')).toEqual({
    kind: 'connect',
    context: 'kind dev',
    namespace: 'shop',
  });
  expect(parseDeepLink('telepresence://connect/')).toEqual({ kind: 'connect' });
  expect(parseDeepLink('telepresence://intercept?workload=cart&port=8080%3Ahttp&namespace=shop')).toEqual({
    kind: 'intercept',
    workload: 'cart',
    port: '8080:http',
    namespace: 'shop',
  });
});

test.each([
  ['https://example.com/', 'not telepresence://'],
  ['telepresence://quit', 'unknown: quit'],
  ['telepresence://intercept?namespace=shop', 'workload is not a valid name'],
  ['telepresence://intercept?workload=cart&command=rm', 'something unknown: command'],
  ['telepresence://connect?context=a%0Ab', 'context is not a valid name'],
  ['telepresence://connect?context=a%E2%80%AEb', 'context is not a valid name'],
  ['telepresence://connect?namespace=a&namespace=b', 'says namespace twice'],
  ['telepresence://connect?kind=intercept', 'says kind twice'],
  ['telepresence://connect?namespace=%zz', 'not written as a link'],
  ['telepresence://connect?kubeconfig=/etc/passwd', 'something unknown: kubeconfig'],
  [`telepresence://connect?context=${'a'.repeat(3_000)}`, 'longer than'],
])('refuses %s', (text, reason) => {
  expect(parseDeepLink(text)).toMatchObject({ kind: 'refused', reason: expect.stringContaining(reason) as unknown });
});
