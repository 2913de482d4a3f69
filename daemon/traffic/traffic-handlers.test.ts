import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CallContext } from '#net/rpc/handlers.ts';
import { exampleEngagement } from '#protocol/local-api/testing/example-state.ts';
import type { Thread } from '../connection/connections.ts';
import type { WorkerCallName } from '../connection/worker-messages.ts';
import { StateStore } from '../state/state-store.ts';
import { rawTraffic } from './raw-traffic.ts';
import { createTrafficHandlers } from './traffic-handlers.ts';
import { TrafficRecorder } from './traffic-recorder.ts';

const place = { engagement: 'cart', from: '10.42.0.7:40000', to: '127.0.0.1:8080' };

describe('the calls about traffic', () => {
  let directory: string;
  let recorder: TrafficRecorder;
  let asked: { use: string | undefined; call: WorkerCallName; input: unknown }[];
  let handlers: ReturnType<typeof createTrafficHandlers>;
  const context = { emit: () => undefined, signal: new AbortController().signal } as CallContext<'watchTraffic'>;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'traffic-'));
    recorder = new TrafficRecorder();
    asked = [];
    const state = new StateStore({ version: '1', capabilities: [], pid: 1, executable: '', installId: '', startedAt: '' });
    state.put('engagements', 'dev.shop/cart', exampleEngagement({ connection: 'dev.shop' }));
    const thread = (use: string | undefined): Thread =>
      ({
        call: async (call: WorkerCallName, input: { readonly ids: readonly number[] }) => {
          asked.push({ use, call, input });
          return { traffic: (input.ids ?? []).flatMap((id) => recorder.get(id) ?? []).map(rawTraffic) };
        },
      }) as unknown as Thread;
    handlers = createTrafficHandlers({ state }, { thread });
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const request = () => {
    const record = recorder.begin(place, { kind: 'request', method: 'GET', target: '/x' });
    record.requestHead = 'GET /x HTTP/1.1\r\nCookie: t0psecret';
    return record.id;
  };

  it('find the connection of an engagement, and refuse one that is not there', async () => {
    await handlers.watchTraffic({ engagement: 'cart', bodies: true }, context);
    expect(asked).toEqual([{ use: '^dev\\.shop$', call: 'watchTraffic', input: { engagement: 'cart', bodies: true } }]);
    await expect(handlers.watchTraffic({ engagement: 'card', bodies: true }, context)).rejects.toMatchObject({
      code: 'engagement.not-found',
      reason: 'There is cart',
    });
  });

  it('say that one is not kept any more', async () => {
    const id = request();
    expect(await handlers.readTraffic({ id, reveal: false }, context as never)).toMatchObject({ entry: { path: '/x' } });
    await expect(handlers.readTraffic({ id: 77, reveal: false }, context as never)).rejects.toMatchObject({ code: 'not-found' });
  });

  it('write an archive that only the user reads, and never over another file', async () => {
    const ids = [request(), request(), 4_711];
    recorder.begin(place, { kind: 'connection', protocol: 'tcp', target: '' });
    const outputFile = join(directory, 'out.har');
    const input = { ids: [...ids, 3, ...ids], reveal: false, outputFile };
    expect(await handlers.exportTraffic(input, context as never)).toEqual({ file: outputFile, entries: 2, missing: 1 });
    expect(statSync(outputFile).mode & 0o777).toBe(0o600);
    expect(readFileSync(outputFile, 'utf8')).not.toContain('t0psecret');
    const failure = handlers.exportTraffic(input, context as never);
    await expect(failure).rejects.toMatchObject({ code: 'usage', reason: 'It is there already' });
    const nowhere = handlers.exportTraffic({ ...input, outputFile: join(directory, 'none/out.har') }, context as never);
    await expect(nowhere).rejects.toMatchObject({ reason: `There is no folder ${join(directory, 'none')}` });
  });
});
