import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Bed, createBed } from '../support/bed.ts';
import { runClient } from '../support/client-program.ts';
import { eventually } from '../support/eventually.ts';
import { missingForProduct, settings, titled } from '../support/settings.ts';
import { createPostgres } from '../workloads/postgres.ts';
import { streamPorts } from '../workloads/world.ts';

const missing = missingForProduct();

/** Programs as people run them, by names of services. */
describe.skipIf(missing !== undefined)(titled('programs', missing), () => {
  let bed: Bed;
  beforeAll(async () => {
    bed = await createBed('programs');
    await createPostgres(bed.cluster, bed.world.namespace);
    await bed.product.connect();
  });
  afterAll(async () => await bed?.close());

  it('works with PostgreSQL by psql', async () => {
    const psql = async (sql: string) =>
      await bed.laptop.must(
        ['psql', '--host', 'postgres', '--username', 'postgres', '--no-psqlrc', '-At', '-v', 'ON_ERROR_STOP=1'],
        { input: sql },
      );
    // A service leads to a pod a moment after that is ready.
    expect(await eventually('the first answer', async () => await psql('select 6 * 7;'))).toBe('42\n');
    // Tens of megabytes each way, in one transaction.
    const rows = 200_000;
    const copy = Array.from({ length: rows }, (_, index) => `${index}\t${'x'.repeat(100)}`).join('\n');
    await psql(`create table bulk (id int primary key, text text);\ncopy bulk from stdin;\n${copy}\n\\.\n`);
    expect(await psql('select count(*), sum(id) from bulk;')).toBe(`${rows}|${(rows * (rows - 1)) / 2}\n`);
    const dump = await psql('copy bulk to stdout;');
    expect(dump.split('\n').length).toBe(rows + 1);
  });

  it('speaks HTTP/2 and gRPC-shaped streams', async () => {
    const origin = `http://streams:${streamPorts.http2}`;
    expect(await runClient(bed.laptop, 'http2-streams', [origin, 50, 40])).toEqual({ streams: 50, whole: 50 });
    const answer = await bed.laptop.must([
      'curl',
      '--silent',
      '--http2-prior-knowledge',
      '--data',
      'hello',
      '-w',
      ' %{http_version}',
      origin,
    ]);
    expect(answer).toBe('hello 2');
  });

  // Longer than any part of the way is silent before it is looked after.
  const holdMs = settings.isFull ? 300_000 : settings.isBrief ? 20_000 : 45_000;
  it(`keeps a silent WebSocket for ${holdMs / 1_000} s`, { timeout: holdMs + 60_000 }, async () => {
    const result = await runClient(bed.laptop, 'web-socket', [`ws://streams:${streamPorts.webSocket}`, holdMs], {
      timeoutMs: holdMs + 30_000,
    });
    expect(result).toEqual({ before: true, after: true, isClosed: false });
  });
});
