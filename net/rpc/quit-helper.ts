import { connect } from 'node:net';
import { helperProtocolVersion } from '#protocol/helper/helper-api.ts';

/** The helper answers in milliseconds; one that hangs keeps its own journal and undoes things at its next start. */
const deadlineMs = 2_000;

/** Asks the helper at this socket to end, and waits until its socket closes. @returns whether one was there; a helper that is not running is as good. */
export function quitHelper(helperSocket: string): Promise<boolean> {
  return new Promise((resolve) => {
    let wasThere = false;
    const socket = connect(helperSocket, () => (wasThere = true));
    const timer = setTimeout(() => socket.destroy(), deadlineMs);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(wasThere);
    });
    socket.resume();
    socket.write(`${JSON.stringify({ id: 1, call: 'hello', input: { version: helperProtocolVersion } })}\n`);
    socket.write(`${JSON.stringify({ id: 2, call: 'quit', input: {} })}\n`);
  });
}
