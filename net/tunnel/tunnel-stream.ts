import type { ClientHttp2Stream, ServerHttp2Stream } from 'node:http2';
import { MuxStream } from '../mux/mux-stream.ts';

/** What is at the callee's end of a tunnel: a gRPC call, or a stream of a connection that is for tunnels alone. */
export type CalleeStream = ServerHttp2Stream | MuxStream;

/** What carries a tunnel's messages. */
export type TunnelStream = ClientHttp2Stream | CalleeStream;

export function isCallee(stream: TunnelStream): boolean {
  return stream instanceof MuxStream ? stream.isCallee : 'respond' in stream;
}
