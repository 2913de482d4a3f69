import { connect } from 'node:net';
import { Duplex } from 'node:stream';
import { formatIp, type IpAddress, parseIp } from '#base/common/ip.ts';
import type { FarEnd, FlowDialer } from '../data-path/flow-dialer.ts';

export type ProbeResult = { readonly ok: true } | { readonly ok: false; readonly reason: string };

/** The port named "discard": nothing redirects it. */
const probePort = 9;

/** The far end of a probe that arrived: it has nothing to say. */
class ProbeEnd extends Duplex implements FarEnd {
  readonly dialled = Promise.resolve();

  override _read(): void {
    this.push(null);
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
}

/** Dials like `dialer`, and answers itself for the given addresses, which nobody has. */
export function answeringProbes(dialer: FlowDialer, addresses: readonly string[]): FlowDialer {
  const isProbed = (ip: IpAddress) => addresses.includes(formatIp(ip));
  return {
    dial: async (id, signal, options) => (isProbed(id.destination.ip) ? new ProbeEnd() : await dialer.dial(id, signal, options)),
  };
}

/**
 * Whether a program's connection through the interface arrives. It takes the whole way: into the device, back out of it to the daemon's
 * listener, and its answer the same way back; only the cluster is left out.
 *
 * @param addresses those that the data path answers for: one of each family
 */
export async function probeInterface(addresses: readonly string[], timeoutMs: number): Promise<ProbeResult> {
  const results = await Promise.all(addresses.map((address) => probe(address, timeoutMs)));
  return results.find(({ ok }) => !ok) ?? { ok: true };
}

async function probe(address: string, timeoutMs: number): Promise<ProbeResult> {
  const { promise, resolve } = Promise.withResolvers<ProbeResult>();
  const name = `IPv${parseIp(address)?.family ?? 4}`;
  const socket = connect({ host: address, port: probePort });
  const timer = setTimeout(
    () => resolve({ ok: false, reason: `a test connection over ${name} got no answer within ${timeoutMs} ms` }),
    timeoutMs,
  );
  socket.once('connect', () => resolve({ ok: true }));
  socket.on('error', (error) => resolve({ ok: false, reason: `a test connection over ${name} failed: ${error.message}` }));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
