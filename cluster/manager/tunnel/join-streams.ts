import http2 from 'node:http2';
import { encodeMessage } from '#net/tunnel/framing.ts';
import { tunnelCode } from '#net/tunnel/tunnel-code.ts';
import type { CalleeStream } from '#net/tunnel/tunnel-stream.ts';

/** Bytes on their way out of one direction above which its source is not read: as much as a tunnel's end holds. */
const maxOnTheWayBytes = 512 * 1024;

/**
 * Copies two tunnels into each other as they are, dial results and half closes included; nothing is decoded. A slow reader holds up its
 * writer through its window.
 *
 * Both calls end when both callers have ended theirs (one that ends its own alone may still wait for the rest of an answer), or when one is
 * cut off.
 */
export function joinStreams(a: CalleeStream, b: CalleeStream): void {
  let ended = 0;
  const onEnd = (to: CalleeStream) => {
    ended += 1;
    // Stock callers end their half without a close-send; a second one does no harm.
    if (!to.destroyed && !to.writableEnded) to.write(encodeMessage(tunnelCode.closeSend));
    if (ended < 2) return;
    a.end();
    b.end();
  };
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    copy(from, to);
    from.once('end', () => onEnd(to));
    // One that is cut off ends first, which is no end in order unless the other's is there.
    from.once('close', () => (ended < 2 ? cancel(to) : undefined));
    if (from.destroyed) cancel(to);
  }
}

function copy(from: CalleeStream, to: CalleeStream): void {
  let onTheWay = 0;
  from.on('data', (chunk: Buffer) => {
    if (to.destroyed || to.writableEnded) return;
    onTheWay += chunk.length;
    to.write(chunk, () => {
      onTheWay -= chunk.length;
      if (onTheWay < maxOnTheWayBytes / 2 && from.isPaused()) from.resume();
    });
    if (onTheWay >= maxOnTheWayBytes) from.pause();
  });
  from.resume();
}

/** The far side sees its tunnel reset. */
export function cancel(stream: CalleeStream): void {
  if (!stream.destroyed && !stream.closed) stream.close(http2.constants.NGHTTP2_CANCEL);
}
