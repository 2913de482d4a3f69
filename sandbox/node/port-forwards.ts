import { Duplex } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { FaultState } from './faults.ts';

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
    const { delayMs = 0, bytesPerSecond } = faults.portForwardTrouble;
    const ms = delayMs + (bytesPerSecond === undefined ? 0 : (bytes / bytesPerSecond) * 1000);
    if (ms > 0) await delay(ms);
    while (faults.portForwardTrouble.isBlackhole === true && !outer.destroyed) await delay(50);
  };
  const hasTrouble = () => Object.keys(faults.portForwardTrouble).length > 0;
  const outer: Duplex = new Duplex({
    allowHalfOpen: true,
    read: () => connection.resume(),
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
    if (hasTrouble()) {
      connection.pause();
      void pass(chunk.length).then(() => {
        if (outer.push(chunk)) connection.resume();
      });
    } else if (!outer.push(chunk)) connection.pause();
  });
  connection.once('end', () => outer.push(null));
  connection.once('error', (error) => outer.destroy(error));
  connection.once('close', () => outer.destroy());
  return outer;
}
