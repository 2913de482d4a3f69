import { expect, test } from 'vitest';
import { checkClientMessage } from './client-message.ts';

test('passes a greeting, a call and its end on as they are', () => {
  const messages = [{ hello: '0.1.0' }, { id: 1, call: 'watchState', input: {} }, { id: 1, cancel: true }];
  for (const message of messages) {
    expect(checkClientMessage(message, !('hello' in message))).toEqual({ kind: 'message', message });
  }
});

test.each([
  ['a text', 'hello', true],
  ['nothing', null, true],
  ['more than it should have', { id: 1, cancel: true, also: 'this' }, true],
  ['an id that is none', { id: 0, cancel: true }, true],
  ['a call before the greeting', { id: 1, call: 'watchState', input: {} }, false],
  ['a second greeting', { hello: '0.1.0' }, true],
])('ends the port of a page that sends %s', (_name, value, isGreeted) => {
  expect(checkClientMessage(value, isGreeted)).toMatchObject({ kind: 'violation' });
});

test('answers a call that does not exist, and one whose input does not fit, without the daemon', () => {
  const unknown = checkClientMessage({ id: 3, call: 'constructor', input: {} }, true);
  expect(unknown).toMatchObject({ kind: 'refused', id: 3, error: { code: 'usage', message: 'There is no call constructor' } });
  const wrong = checkClientMessage({ id: 4, call: 'pause', input: { minutes: -1 } }, true);
  expect(wrong).toMatchObject({ kind: 'refused', id: 4, error: { code: 'usage' } });
});
