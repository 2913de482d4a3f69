import { describe, expect, it } from 'vitest';
import { untilAborted } from '#net/rpc/handlers.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { missing } from './testing/browser.ts';
import { fakeLogs, linesOf, logSources } from './testing/fake-logs.ts';
import { fakeTerminals } from './testing/fake-terminals.ts';
import { manyWorkloads, onWorld, withTerminals, workloadHandlers } from './testing/fake-world.ts';
import { goToPage } from './testing/theme-walk.ts';
import { createUiBed, hasFocus, type OpenWindow } from './testing/ui-bed.ts';
import { detailsOf, engagementOf, shopWorkloads, workloadOf } from './testing/world.ts';

describe.skipIf(missing !== undefined)(`workloads page${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();

  it('shows kind, readiness, ports, agent, services and who has engaged a workload', async () => {
    const { page } = await bed.open(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    const row = (name: string) => page.getByRole('row', { name, exact: true });
    await row('cart')
      .getByRole('gridcell', { name: /^me, 5 min/ })
      .waitFor();
    await row('checkout').getByRole('gridcell', { name: 'ana@build-7, 12 min' }).waitFor();
    await row('mailer').getByRole('gridcell', { name: '0/2' }).waitFor();
    await row('postgres').getByRole('gridcell', { name: 'StatefulSet' }).waitFor();
    await row('postgres').getByRole('gridcell', { name: 'sql 5432' }).waitFor();
    await row('catalog').getByRole('gridcell', { name: 'installed' }).waitFor();
  });

  it('follows changes, and takes away what is gone', async () => {
    let emit: ((event: CallEvent<'watchWorkloads'>) => void) | undefined;
    const { page } = await bed.open(
      onWorld(
        {},
        {
          ...workloadHandlers([], { 'Deployment/new.shop': detailsOf('new') }),
          watchWorkloads: async (_input, context) => {
            emit = (event) => context.emit(event);
            emit({ kind: 'snapshot', workloads: [] });
            await untilAborted(context.signal);
            return {};
          },
        },
      ),
    );
    await page.getByText('No workloads in shop').waitFor();
    emit?.({ kind: 'changed', workload: workloadOf('new') });
    await page.getByRole('row', { name: 'new', exact: true }).getByText('2/2').waitFor();
    emit?.({ kind: 'changed', workload: workloadOf('new', { agent: 'installed' }) });
    await page.getByRole('row', { name: 'new', exact: true }).getByText('installed').waitFor();
    emit?.({ kind: 'removed', workload: workloadOf('new') });
    await page.getByText('No workloads in shop').waitFor();
  });

  it('filters by words and chips, and says what fits', async () => {
    const { page } = await bed.open(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    const rows = page.getByRole('grid', { name: 'Workloads' }).locator('[data-row]');
    await expect.poll(() => rows.count()).toBe(8);
    await page.getByRole('searchbox', { name: 'Filter workloads' }).fill('ca');
    await expect.poll(() => rows.count()).toBe(2);
    await page.getByText('2 of 8').waitFor();
    await page.getByRole('button', { name: /^Engaged by me/ }).click();
    await expect.poll(() => rows.count()).toBe(1);
    await page.getByRole('searchbox', { name: 'Filter workloads' }).fill('search');
    await page.getByText('No workload fits').waitFor();
    await page.getByRole('button', { name: 'Clear the filter' }).click();
    await expect.poll(() => rows.count()).toBe(8);
    await page.getByRole('button', { name: /^Not ready/ }).click();
    await expect.poll(() => rows.count()).toBe(2);
  });

  it('sorts by a column, either way, and keeps which columns are shown', async () => {
    const { page } = await bed.open(onWorld());
    const first = () => page.getByRole('grid').locator('[data-row]').first().getAttribute('aria-label');
    await expect.poll(first).toBe('cart');
    await page.getByRole('columnheader', { name: 'Name' }).getByRole('button').click();
    await expect.poll(first).toBe('search');
    expect(await page.getByRole('columnheader', { name: 'Name' }).getAttribute('aria-sort')).toBe('descending');
    await page.getByRole('columnheader', { name: 'Ready' }).getByRole('button').click();
    await expect.poll(first).toBe('mailer');
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('checkbox', { name: 'Images' }).check();
    await page.getByRole('checkbox', { name: 'Ports' }).uncheck();
    await page.reload();
    await page.getByRole('columnheader', { name: 'Images' }).waitFor();
    expect(await page.getByRole('columnheader', { name: 'Ports' }).count()).toBe(0);
  });

  it('says what an intercept restarts before it is asked for, and offers addresses', async () => {
    const { page } = await bed.open(onWorld());
    await page.getByRole('row', { name: 'frontend', exact: true }).getByText('2/2').waitFor();
    await page.getByRole('button', { name: 'More actions for frontend' }).click();
    await page.getByRole('menuitem', { name: /Intercept….*Restarts 2 pods first/ }).waitFor();
    await page.getByRole('menuitem', { name: 'Open http://frontend.shop:80/' }).waitFor();
    await page.getByRole('menuitem', { name: 'Copy frontend.shop:80' }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('frontend.shop:80');
    await page.getByRole('button', { name: 'More actions for catalog' }).click();
    await page.getByRole('menuitem', { name: /Restarts nothing/ }).waitFor();
  });

  it('opens the logs of the pods of a workload, and of nothing else', async () => {
    const logs = fakeLogs(linesOf(0, 20));
    const asked: unknown[] = [];
    const { page } = await bed.open(
      onWorld(
        {},
        {
          ...logs.handlers,
          listLogSources: async (input) => {
            asked.push(input);
            const pod = (name: string) => ({ kind: 'pod' as const, namespace: 'shop', pod: name, container: 'frontend' });
            if (input.workload === undefined) return { sources: [...logSources] };
            if (input.workload !== 'frontend') return { sources: [{ kind: 'daemon' }, { kind: 'manager' }] };
            return { sources: [{ kind: 'daemon' }, { kind: 'manager' }, pod('frontend-1'), pod('frontend-2')] };
          },
        },
      ),
    );
    await page.getByRole('button', { name: 'More actions for frontend' }).click();
    await page.getByRole('menuitem', { name: 'Logs' }).click();
    await page.getByRole('log', { name: 'Log: frontend-1 · frontend' }).getByText('message 19 ').waitFor();
    expect(asked).toEqual([{ use: '^staging-shop$', namespace: 'shop', workload: 'frontend' }]);
    const list = page.getByRole('navigation', { name: 'Logs' });
    expect(await list.getByRole('listitem').count()).toBe(2);
    await list.getByRole('button', { name: 'frontend-2 · frontend' }).click();
    await page.getByRole('log', { name: 'Log: frontend-2 · frontend' }).waitFor();
    expect(await list.getByRole('listitem').count()).toBe(2);
    await list.getByRole('button', { name: 'All logs' }).click();
    await list.getByRole('button', { name: 'Daemon' }).waitFor();
    await goToPage({ page }, 'Workloads');
    await page.getByRole('button', { name: 'More actions for mailer' }).click();
    await page.getByRole('menuitem', { name: 'Logs' }).click();
    await page.getByText('mailer has no pods').waitFor();
  });

  it('opens a shell in a container of a workload, where the daemon has kubectl', async () => {
    const opened: { window?: OpenWindow } = {};
    const programs = fakeTerminals('# ', () => {
      if (opened.window === undefined) throw new Error('The window is not open yet');
      return opened.window.state;
    });
    const sidecar = detailsOf('search');
    const [container] = sidecar.containers;
    const world = onWorld(
      {},
      {
        ...programs.handlers,
        ...workloadHandlers(shopWorkloads, {
          'Deployment/frontend.shop': detailsOf('frontend', {
            pods: [
              { name: 'frontend-1', phase: 'Pending', ready: false },
              { name: 'frontend-2', phase: 'Running', ready: true },
            ],
          }),
          'Deployment/search.shop': {
            ...sidecar,
            containers: container === undefined ? [] : [container, { ...container, name: 'proxy' }],
          },
        }),
      },
    );
    const { page } = (opened.window = await bed.open(withTerminals(world)));
    await page.getByRole('row', { name: 'frontend', exact: true }).getByText('2/2').waitFor();
    await page.getByRole('button', { name: 'More actions for frontend' }).click();
    await page.getByRole('menuitem', { name: 'Shell', exact: true }).click();
    await page.locator('.xterm-rows').getByText('#').waitFor();
    const words = ['kubectl', 'exec', '--stdin', '--tty', '--namespace', 'shop', '--container'];
    const end = ['--', 'sh'];
    expect(programs.opened).toMatchObject([
      { use: '^staging-shop$', title: 'frontend', command: [...words, 'frontend', 'frontend-2', ...end] },
    ]);
    await goToPage({ page }, 'Workloads');
    await page.getByRole('button', { name: 'More actions for search' }).click();
    await page.getByRole('menuitem', { name: 'Shell in proxy' }).click();
    await expect.poll(() => programs.opened.length).toBe(2);
    expect(programs.opened[1]).toMatchObject({ command: [...words, 'proxy', 'search-6d9f7b5c4-x2x7q', ...end] });
    const without = await bed.open(onWorld());
    await without.page.getByRole('button', { name: 'More actions for frontend' }).click();
    await without.page.getByRole('menuitem', { name: 'Logs' }).waitFor();
    expect(await without.page.getByRole('menuitem', { name: 'Shell' }).count()).toBe(0);
  });

  it('is used by keyboard: arrows and J, K move, Enter opens', async () => {
    const { page } = await bed.open(onWorld());
    await page.getByRole('row', { name: 'cart', exact: true }).focus();
    await page.keyboard.press('ArrowDown');
    await expect.poll(() => hasFocus(page, page.getByRole('row', { name: 'catalog', exact: true }))).toBe(true);
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('End');
    await expect.poll(() => hasFocus(page, page.getByRole('row', { name: 'search', exact: true }))).toBe(true);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'What is intercepted?' }).waitFor();
  });

  it('keeps only the rows in sight in the page, and reaches the last of two thousand by keyboard', async () => {
    const { workloads, details } = manyWorkloads(detailsOf('service'));
    const { page } = await bed.open(onWorld({}, workloadHandlers(workloads, details)));
    const rows = page.getByRole('grid', { name: 'Workloads' }).locator('[data-row]');
    await rows.first().waitFor();
    expect(await rows.count()).toBeLessThan(80);
    expect(await page.getByRole('grid').getAttribute('aria-rowcount')).toBe('2001');
    await rows.first().focus();
    await page.keyboard.press('End');
    await page.locator('[aria-rowindex="2001"]').waitFor();
    await page.getByRole('searchbox', { name: 'Filter workloads' }).fill('team-31 service-07');
    await expect.poll(() => rows.count()).toBe(1);
  });
});
