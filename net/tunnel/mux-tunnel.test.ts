import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MuxConnection, readPreface } from '../mux/mux-connection.ts';
import { acceptTunnel } from './accept-tunnel.ts';
import { openMuxTunnel } from './open-tunnel.ts';
import { exampleStreamInfo } from './testing/example-stream-info.ts';
import type { TunnelDuplex } from './tunnel-duplex.ts';

describe('a tunnel on a multiplexed connection', () => {
  let client: MuxConnection;
  let server: MuxConnection;
  /** What arrived in one turn of the event loop is a flight over every hop of the way. */
  let flights: { up: number; down: number };
  let onTunnel: (tunnel: TunnelDuplex) => void;

  beforeEach(async () => {
    const [near, far] = duplexPair();
    const connecting = MuxConnection.connect(near);
    const { head } = await readPreface(far);
    server = MuxConnection.serve(far, head, {
      onStream: (stream) =>
        void acceptTunnel(stream).then(({ tunnel }) => {
          tunnel.on('error', () => undefined);
          onTunnel(tunnel);
        }),
    });
    client = await connecting;
    flights = { up: 0, down: 0 };
    far.on('data', flightCounter('up'));
    near.on('data', flightCounter('down'));
  });
  afterEach(() => {
    vi.useRealTimers();
    client.destroy();
    server.destroy();
  });

  function flightCounter(way: 'up' | 'down'): () => void {
    let isUnderWay = false;
    return () => {
      if (!isUnderWay) flights[way] += 1;
      isUnderWay = true;
      setImmediate(() => (isUnderWay = false));
    };
  }

  function open(isPatient: boolean): TunnelDuplex {
    const tunnel = openMuxTunnel(client, exampleStreamInfo, isPatient);
    tunnel.on('error', () => undefined);
    return tunnel;
  }

  async function answer(tunnel: TunnelDuplex): Promise<string> {
    return await new Promise((resolve) => tunnel.once('data', (bytes: Buffer) => resolve(bytes.toString())));
  }

  it('waits for the first bytes where the caller is patient, and the verdict for what they bring', async () => {
    // Patience does not run out.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const downBeforeAnswer = new Promise<number>((resolve) => {
      onTunnel = (tunnel) => {
        tunnel.once('readable', () => {
          tunnel.dialOk();
          setImmediate(() => {
            resolve(flights.down);
            tunnel.write('answer');
          });
        });
      };
    });
    const tunnel = open(true);
    await turn();
    expect(flights.up).toBe(0);
    tunnel.write('words');
    expect(await answer(tunnel)).toBe('answer');
    expect(await downBeforeAnswer).toBe(0);
    await tunnel.dialled;
  });

  it('opens by itself where its caller says nothing', async () => {
    onTunnel = (tunnel) => {
      tunnel.dialOk();
      tunnel.write('the server speaks first');
    };
    expect(await answer(open(true))).toBe('the server speaks first');
  });

  it('has its verdict although the server says nothing', async () => {
    onTunnel = (tunnel) => setImmediate(() => tunnel.dialOk());
    const tunnel = open(true);
    tunnel.write('words');
    await tunnel.dialled;
  });

  it('ends in the flight of what comes next, where nobody waits for its end', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const served: TunnelDuplex[] = [];
    onTunnel = (tunnel) => {
      served.push(tunnel);
      tunnel.dialOk();
      tunnel.once('data', () => tunnel.write('answer')).once('end', () => tunnel.end());
    };
    const first = open(false);
    first.write('words');
    expect(await answer(first)).toBe('answer');
    const before = flights.up;
    first.end();
    await turn();
    expect(flights.up).toBe(before);
    const second = open(false);
    second.write('words');
    const ended = once(first.resume(), 'end');
    expect(await answer(second)).toBe('answer');
    await ended;
    expect(flights.up).toBe(before + 1);
    // The callee's end came along with the answer.
    expect(served[0]?.writableFinished).toBe(true);
  });

  it('ends at once where the end is what the request ends by', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTunnel = (tunnel) => {
      tunnel.dialOk();
      tunnel.resume().once('end', () => tunnel.end('answer'));
    };
    const tunnel = open(false);
    tunnel.end('words');
    expect(await answer(tunnel)).toBe('answer');
  });
});
