import { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { PortForward } from '#net/port-forward/port-forward-target.ts';
import { WireSession } from './wire-session.ts';

/** A port-forward that takes the connection preface, and from then on holds what is written. */
function stuckForward(): { readonly forward: PortForward; readonly hold: () => void; readonly isHolding: () => boolean } {
  let mayHold = false;
  let isHolding = false;
  const forward = Object.assign(
    new Duplex({
      read: () => undefined,
      write: (_chunk, _encoding, done) => {
        if (mayHold) isHolding = true;
        else done();
      },
    }),
    { bytesReceived: 0 },
  );
  const hold = () => {
    mayHold = true;
  };
  return { forward, hold, isHolding: () => isHolding };
}

const connectionId = {
  protocol: 'tcp',
  source: { ip: { family: 4, value: 1n }, port: 1 },
  destination: { ip: { family: 4, value: 2n }, port: 2 },
} as const;

async function stuckSession() {
  const { forward, hold, isHolding } = stuckForward();
  const session = await WireSession.open(forward, '/tunnel');
  await new Promise((resolve) => setImmediate(resolve));
  hold();
  const tunnel = session.openTunnel({ connectionId, sessionId: 's', dialTimeoutMs: 1_000, roundtripMs: 0 });
  tunnel.on('error', () => undefined);
  while (!isHolding()) await new Promise((resolve) => setImmediate(resolve));
  return { forward, session, tunnel };
}

describe('an HTTP/2 session over a port-forward that takes nothing any more', () => {
  it('ends all the same', async () => {
    const { session, tunnel, forward } = await stuckSession();
    const closed = new Promise((resolve) => tunnel.once('close', resolve));
    session.destroy();
    await Promise.all([closed, session.closed]);
    expect(forward.destroyed).toBe(true);
    expect(session.isOpen).toBe(false);
  });

  it('ends with the port-forward', async () => {
    const { session, tunnel, forward } = await stuckSession();
    const closed = new Promise((resolve) => tunnel.once('close', resolve));
    forward.destroy(new Error('broken'));
    await Promise.all([closed, session.closed]);
    expect(session.isOpen).toBe(false);
  });
});
