/**
 * First byte of every tunnel message. The rest of the message belongs to the code.
 *
 * ```
 * data          bytes of the connection; one datagram for UDP
 * streamInfo    who, where, how long: see stream-info.ts
 * streamOk      uvarint version
 * closeSend     half close: no more data from this side
 * dialOk        the destination answered
 * dialReject    it did not
 * disconnect    reset
 * keepAlive     nothing
 * session       session id, from an agent that opens a tunnel on the traffic-manager
 * ```
 */
export const tunnelCode = {
  data: 0,
  streamInfo: 1,
  streamOk: 2,
  closeSend: 3,
  dialOk: 4,
  dialReject: 5,
  disconnect: 6,
  keepAlive: 7,
  session: 8,
} as const;

/** The version that this code speaks, in stream-info and stream-ok. */
export const tunnelVersion = 2;

/** The peer broke the rules of the tunnel; the stream that carried it is of no more use. */
export class TunnelProtocolError extends Error {
  override readonly name = 'TunnelProtocolError';
}
