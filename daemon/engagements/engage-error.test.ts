import { Code, ConnectError } from '@connectrpc/connect';
import { describe, expect, it } from 'vitest';
import { engageError } from './engage-error.ts';

describe('what went wrong with an intercept', () => {
  it.each([
    ['the stream broke', new ConnectError('the stream broke', Code.Unavailable)],
    ['the session was closed under the call', new ConnectError('The call was given up', Code.Canceled)],
    ['the link was taken down meanwhile', new DOMException('This operation was aborted', 'AbortError')],
  ])('is a lost connection, and nothing that anybody cancelled: %s', (_name, error) => {
    expect(engageError(error, 'shop')).toMatchObject({
      code: 'connection.lost',
      message: 'The connection to the traffic-manager broke during the intercept "shop"',
    });
  });
});
