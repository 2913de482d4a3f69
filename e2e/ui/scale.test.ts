import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import { missing } from './testing/browser.ts';
import { changingWorld, manyWorkloads, onWorld, workloadHandlers } from './testing/fake-world.ts';
import { createUiBed } from './testing/ui-bed.ts';
import { detailsOf } from './testing/world.ts';

/** What must hold on any machine; how long things take is measured by the benchmark. */
describe.skipIf(missing !== undefined)(`two thousand workloads${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();
  const { workloads, details } = manyWorkloads(detailsOf('service'));

  it('draws a burst of thousands of changes in a few frames, and ends with the latest', async () => {
    const { world, emit } = changingWorld(workloads, details);
    const { page } = await bed.open(world);
    const rows = page.getByRole('grid', { name: 'Workloads' }).locator('[data-row]');
    await rows.first().waitFor();
    await page.evaluate(`
      globalThis.drawn = 0;
      new MutationObserver(() => { globalThis.drawn += 1; }).observe(document.querySelector('[role=grid]'), { subtree: true, childList: true, characterData: true });
    `);
    const [first] = workloads;
    if (first === undefined) throw new Error('There is nothing to change');
    for (let round = 0; round < 3_000; round += 1) {
      emit({ kind: 'changed', workload: { ...first, agent: round % 2 === 0 ? 'none' : 'installed' } });
    }
    emit({ kind: 'changed', workload: { ...first, agent: 'intercepted', interceptedBy: [{ owner: 'the-last@laptop' }] } });
    await page.getByText('the-last@laptop').waitFor();
    expect(Number(await page.evaluate('globalThis.drawn'))).toBeLessThan(300);
  });

  it('keeps what is typed while changes come', async () => {
    const stop = new AbortController();
    const { page } = await bed.open(
      onWorld(
        {},
        {
          ...workloadHandlers([], details),
          watchWorkloads: async (_input, { emit, signal }) => {
            emit({ kind: 'snapshot', workloads: [...workloads] });
            const timer = setInterval(() => {
              for (const workload of workloads.slice(0, 5))
                emit({ kind: 'changed', workload: { ...workload, agent: 'installed' } });
            }, 20);
            stop.signal.addEventListener('abort', () => clearInterval(timer), { once: true });
            await untilAborted(signal);
            clearInterval(timer);
            return {};
          },
        },
      ),
    );
    const search = page.getByRole('searchbox', { name: 'Filter workloads' });
    await search.pressSequentially('team-31 service-07');
    expect(await search.inputValue()).toBe('team-31 service-07');
    await expect.poll(() => page.getByRole('grid').locator('[data-row]').count()).toBe(1);
    stop.abort();
  });
});
