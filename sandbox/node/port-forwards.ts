import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultState } from './faults.ts';

/** What Linux waits at least before it sends a lost packet again (TCP_RTO_MIN). */
const resendMs = 200;

/** Port-forwards of the node, through which faults can act. */
export interface PortForwards {
  add(connection: Duplex): Duplex;
  cut(): void;
}

export function createPortForwards(faults: FaultState): PortForwards {
  const open = new Set<Duplex>();
  return {
    add: (connection) => {
      const forwarded = withTrouble(connection, faults);
      open.add(forwarded);
      forwarded.once('close', () => open.delete(forwarded));
      return forwarded;
    },
    cut: () => {
      for (const connection of open) connection.destroy(new Error('cut'));
    },
  };
}

/** The same connection with delay, limited bandwidth or silence, whatever is asked for at the time. */
function withTrouble(connection: Duplex, faults: FaultState): Duplex {
  const pass = async (bytes: number) => {
    const { delayMs = 0, bytesPerSecond, lossPercent = 0 } = faults.portForwardTrouble;
    const lostMs = Math.random() * 100 < lossPercent ? resendMs : 0;
    const ms = delayMs + lostMs + (bytesPerSecond === undefined ? 0 : (bytes / bytesPerSecond) * 1000);
    if (ms > 0) await delay(ms);
    while (faults.portForwardTrouble.isBlackhole === true && !outer.destroyed) await delay(50);
  };
  const hasTrouble = () => Object.keys(faults.portForwardTrouble).length > 0;
  /** Pieces from the pod that are on their way, in their order. */
  let pending = 0;
  let last = Promise.resolve();
  const outer: Duplex = new Duplex({
    allowHalfOpen: true,
    read: () => {
      if (pending === 0) connection.resume();
    },
    write: (chunk: Buffer, _encoding, done) => {
      const send = () => (connection.write(chunk) ? done() : void connection.once('drain', () => done()));
      if (hasTrouble()) void pass(chunk.length).then(send);
      else send();
    },
    final: (done) => connection.end(() => done()),
    destroy: (error, done) => {
      connection.destroy();
      done(error);
    },
  });
  connection.on('data', (chunk: Buffer) => {
    if (hasTrouble() || pending > 0) {
      connection.pause();
      pending += 1;
      last = last
        .then(async () => await pass(chunk.length))
        .then(() => {
          pending -= 1;
          if (outer.push(chunk) && pending === 0) connection.resume();
        });
    } else if (!outer.push(chunk)) connection.pause();
  });
  connection.once('end', () => void last.then(() => outer.push(null)));
  connection.once('error', (error) => outer.destroy(error));
  connection.once('close', () => void last.then(() => outer.destroy()));
  return outer;
}
