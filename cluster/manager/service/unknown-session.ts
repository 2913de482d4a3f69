import { Code, ConnectError } from '@connectrpc/connect';

/** Tells a peer to arrive again. */
export function unknownSession(id: string): ConnectError {
  return new ConnectError(`The session "${id}" is not known`, Code.NotFound);
}
