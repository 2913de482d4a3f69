import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import { maxToldTraffic } from '#protocol/local-api/traffic-api.ts';
import { missing } from './testing/browser.ts';
import { type FakeTraffic, fakeTraffic, otherTraffic, requestsOf, trafficWorld, withTraffic } from './testing/fake-traffic.ts';
import { offWorld, onWorld } from './testing/fake-world.ts';
import { never } from './testing/screens/screen.ts';
import { goToPage, walkThemes } from './testing/theme-walk.ts';
import { createUiBed, hasFocus } from './testing/ui-bed.ts';
import { engagementOf } from './testing/world.ts';

/** Three themes of several screens, each looked at by axe. */
const lookTimeoutMs = 180_000;

describe.skipIf(missing !== undefined)(
  `traffic${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  { timeout: lookTimeoutMs },
  () => {
    const bed = createUiBed();
    const open = async (traffic: FakeTraffic, world = trafficWorld(traffic)) => {
      const window = await bed.open(world);
      await goToPage(window, 'Traffic');
      return window;
    };
    const row = (page: Page, name: string | RegExp) => page.getByRole('row', { name });
    const first = (page: Page) => page.getByRole('grid', { name: 'Requests and connections' }).getByRole('row').nth(1);

    it('is offered by daemons that have traffic only', async () => {
      const { page } = await bed.open(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
      await page.getByRole('row', { name: 'frontend', exact: true }).waitFor();
      const rail = page.getByRole('navigation', { name: 'Pages' });
      expect(await rail.getByRole('button', { name: 'Traffic' }).count()).toBe(0);
      await rail.getByRole('button', { name: /^Engagements/ }).click();
      await page.getByRole('article', { name: 'cart' }).waitFor();
      expect(await page.getByRole('region', { name: 'Latest requests' }).count()).toBe(0);
    });

    it('shows requests as they come and change, newest first, and how many came too fast', async () => {
      const traffic = fakeTraffic(requestsOf(1, 3));
      const { page } = await open(traffic);
      await row(page, 'PUT /items/3?page=0, 404')
        .or(row(page, /items\/3/))
        .first()
        .waitFor();
      expect(await first(page).getAttribute('aria-label')).toContain('/items/3');
      const [fresh] = requestsOf(4, 1, { state: 'open', status: undefined, durationMs: undefined });
      if (fresh === undefined) throw new Error('No request');
      traffic.send({ kind: 'changed', entries: [fresh], skipped: 1_200 });
      await row(page, /items\/4.*, open/).waitFor();
      await page.getByText('1,200 left out: too many at once').waitFor();
      traffic.send({ kind: 'changed', entries: requestsOf(4, 1), skipped: 0 });
      await row(page, /items\/4.*, 500/).waitFor();
      expect(await first(page).getAttribute('aria-label')).toContain('/items/4');
      expect(traffic.watched).toEqual([{ use: '^staging-shop$', bodies: true }]);
    });

    it('filters by engagement, status, method and words, and says so when nothing fits', async () => {
      const traffic = fakeTraffic([...requestsOf(1, 10), ...requestsOf(11, 5, { engagement: 'catalog' }), ...otherTraffic]);
      const window = await open(traffic);
      const { page } = window;
      const count = (text: string) => page.getByRole('status').getByText(text, { exact: true }).waitFor();
      await count('17');
      await page
        .getByRole('group', { name: 'Engagements' })
        .getByRole('button', { name: /^catalog/ })
        .click();
      await count('5 of 17');
      await page
        .getByRole('group', { name: 'Engagements' })
        .getByRole('button', { name: /^catalog/ })
        .click();
      await page.getByRole('group', { name: 'Statuses' }).getByRole('button', { name: /^4xx/ }).click();
      await page
        .getByRole('group', { name: 'Statuses' })
        .getByRole('button', { name: /^Failed/ })
        .click();
      await count('4 of 17');
      await page
        .getByRole('group', { name: 'Methods' })
        .getByRole('button', { name: /^Connections/ })
        .click();
      await count('1 of 17');
      await row(page, 'Refused, nothing listens').waitFor();
      await page.getByRole('searchbox', { name: 'Filter by path, host or address' }).fill('nothing like it');
      await page.getByText('Nothing fits').waitFor();
      await walkThemes(window, 'traffic-no-match');
      await page.getByRole('button', { name: 'Clear the filter' }).click();
      await count('17');
      await page.getByRole('searchbox', { name: 'Filter by path, host or address' }).fill('ITEMS/7 10.42');
      await count('1 of 17');
      await page.getByRole('button', { name: 'Command lines' }).click();
      await page
        .getByRole('menuitem', { name: "Copy the command telepresence traffic --follow --grep 'ITEMS/7 10.42'" })
        .waitFor();
    });

    it('opens details by keyboard, hides secrets until they are revealed, and copies a command', async () => {
      const traffic = fakeTraffic([...requestsOf(1, 4), ...otherTraffic]);
      const window = await open(traffic);
      const { page } = window;
      await first(page).focus();
      await page.keyboard.press('End');
      await expect.poll(async () => await hasFocus(page, row(page, /items\/1\?/))).toBe(true);
      await page.keyboard.press('Enter');
      const detail = page.getByRole('complementary', { name: 'Details' });
      await detail.getByText('POST /items/1?page=1 HTTP/1.1').waitFor();
      await detail.getByText('[hidden]').waitFor();
      await detail.getByText('The first 21 B of 19.5 KiB').waitFor();
      await walkThemes(window, 'traffic-detail');
      await detail.getByRole('button', { name: 'Reveal secrets' }).click();
      await detail.getByText('Bearer t0psecret').waitFor();
      await detail.getByRole('button', { name: 'Copy as cURL' }).click();
      await expect
        .poll(() => page.evaluate('navigator.clipboard.readText()'))
        .toBe("curl 'http://127.0.0.1:8080/items/1?page=1'");
      await row(page, /items\/2/).click();
      await detail.getByText('GET /items/2?page=2 HTTP/1.1').waitFor();
      await detail.getByText('[hidden]').waitFor();
      await row(page, 'WebSocket /live, open').click();
      await detail.getByText('2.0 KiB').waitFor();
      await detail.getByRole('button', { name: 'Close the details' }).focus();
      await page.keyboard.press('Escape');
      await expect.poll(() => detail.count()).toBe(0);
    });

    it('says that the details of one are not kept any more', async () => {
      const traffic = fakeTraffic(requestsOf(1, 2));
      const world = trafficWorld(traffic);
      const readTraffic = async () => {
        throw new AppError({ code: 'not-found', message: 'The request is not kept any more' });
      };
      const window = await open(traffic, { ...world, handlers: { ...world.handlers, readTraffic } });
      await row(window.page, /items\/1/).click();
      await window.page.getByRole('alert').getByText('The details cannot be read').waitFor();
      await walkThemes(window, 'traffic-detail-gone');
    });

    it('pauses without losing what is shown, goes on, and forgets', async () => {
      const traffic = fakeTraffic(requestsOf(1, 3));
      const { page } = await open(traffic);
      await row(page, /items\/3/).waitFor();
      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      await page.getByText('Paused: nothing new is shown').waitFor();
      await expect.poll(() => traffic.watchers()).toBe(0);
      traffic.send({ kind: 'changed', entries: requestsOf(4, 2), skipped: 0 });
      await row(page, /items\/3/).waitFor();
      expect(await row(page, /items\/4/).count()).toBe(0);
      await page.getByRole('button', { name: 'Resume' }).click();
      await row(page, /items\/5/).waitFor();
      await page.getByRole('switch', { name: 'Keep bodies' }).click();
      await expect.poll(() => traffic.watched.at(-1)).toEqual({ use: '^staging-shop$', bodies: false });
      await page.getByRole('button', { name: 'Clear', exact: true }).click();
      await page.getByText('No requests yet').waitFor();
    });

    it('exports what the filter shows, without secrets unless they are asked for', async () => {
      const traffic = fakeTraffic([...requestsOf(1, 10), ...otherTraffic]);
      const window = await open(traffic);
      const { page } = window;
      await page.getByRole('group', { name: 'Statuses' }).getByRole('button', { name: /^4xx/ }).click();
      await page.getByRole('button', { name: 'Export…' }).click();
      const dialog = page.getByRole('dialog', { name: 'Export requests' });
      await dialog.getByText(/^Writes 2 requests/).waitFor();
      await dialog.getByText(/^Redacted: cookies/).waitFor();
      await dialog.getByRole('textbox', { name: 'File' }).fill('out.har');
      await dialog.getByText('An absolute path that ends in .har').waitFor();
      await dialog.getByRole('textbox', { name: 'File' }).fill('/tmp/out.har');
      await walkThemes(window, 'traffic-export');
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('1 request is in this file').waitFor();
      await dialog.getByText('1 older one is not kept any more').waitFor();
      await walkThemes(window, 'traffic-exported');
      await dialog.getByRole('button', { name: 'Close' }).last().click();
      await page.getByRole('button', { name: 'Export…' }).click();
      await dialog.getByRole('checkbox', { name: /^With secrets/ }).check();
      await dialog.getByRole('button', { name: 'Save' }).click();
      await dialog.getByText('1 request is in this file').waitFor();
      const [redacted, revealed] = traffic.exported;
      expect(redacted).toEqual({ use: '^staging-shop$', ids: [3, 8], reveal: false, outputFile: '/tmp/out.har' });
      expect(revealed).toMatchObject({ ids: [3, 8], reveal: true });
      expect(revealed?.outputFile).toMatch(/^\/home\/dev\/telepresence-traffic-.*\.har$/);
    });

    it('keeps only the rows in sight, and as many as the daemon has details of', async () => {
      const traffic = fakeTraffic(requestsOf(1, 200));
      const window = await open(traffic);
      const { page } = window;
      await row(page, /items\/200/).waitFor();
      for (let lot = 1; lot < 10; lot += 1)
        traffic.send({ kind: 'changed', entries: requestsOf(lot * 200 + 1, 200), skipped: 4_800 });
      await row(page, /items\/2000/).waitFor();
      await page.getByText(`${maxToldTraffic} · 43,200 left out: too many at once`).waitFor();
      expect(await page.locator('[data-row]').count()).toBeLessThan(60);
      await walkThemes(window, 'traffic-many');
    });

    it('shows the latest of an engagement on its page, and all of it from there and from the palette', async () => {
      const traffic = fakeTraffic([...requestsOf(1, 20), ...requestsOf(21, 3, { engagement: 'catalog' })]);
      const window = await bed.open(trafficWorld(traffic));
      const { page } = window;
      await page
        .getByRole('navigation', { name: 'Pages' })
        .getByRole('button', { name: /^Engagements/ })
        .click();
      const latest = page.getByRole('article', { name: 'cart' }).getByRole('region', { name: 'Latest requests' });
      await latest.getByText('/items/20?page=2').waitFor();
      expect(await latest.getByRole('row').count()).toBe(9);
      const box = await latest.boundingBox();
      traffic.send({ kind: 'changed', entries: requestsOf(24, 1), skipped: 0 });
      await latest.getByText('/items/24?page=0').waitFor();
      expect(await latest.boundingBox()).toEqual(box);
      expect(traffic.watched.at(-1)).toEqual({ use: '^staging-shop$', engagement: 'cart', bodies: false });
      await walkThemes(window, 'engagement-requests');
      await latest.getByRole('button', { name: 'Show all' }).click();
      await page.getByText('21 of 24').waitFor();
      await page.keyboard.press('Control+k');
      await page.getByRole('textbox', { name: 'Search pages, workloads and actions' }).fill('traffic of catalog');
      await page.keyboard.press('Enter');
      await page.getByText('3 of 24').waitFor();
    });

    it('looks right off, without engagements, while it loads, before the first request, and when it fails', async () => {
      const off = await bed.open(withTraffic(offWorld()));
      await goToPage(off, 'Traffic');
      await off.page.getByText('Connect to a cluster and engage a workload').waitFor();
      await walkThemes(off, 'traffic-off');
      const quiet = fakeTraffic([]);
      const none = await open(quiet, trafficWorld(quiet, { engagements: {} }));
      await none.page.getByText('Requests show here once').waitFor();
      await walkThemes(none, 'traffic-none');
      const world = trafficWorld(quiet);
      const loading = await open(quiet, { ...world, handlers: { ...world.handlers, watchTraffic: never } });
      await loading.page.getByRole('status', { name: 'Waiting for the traffic' }).waitFor();
      await walkThemes(loading, 'traffic-loading');
      const empty = await open(quiet);
      await empty.page.getByText('What the cluster asks of cart, catalog shows here as it comes.').waitFor();
      await walkThemes(empty, 'traffic-empty');
      let attempts = 0;
      const watchTraffic: typeof quiet.handlers.watchTraffic = async (input, call) => {
        attempts += 1;
        if (attempts === 1) throw new AppError({ code: 'connection.lost', message: 'The connection is not up' });
        return await quiet.handlers.watchTraffic(input, call);
      };
      const failed = await open(quiet, { ...world, handlers: { ...world.handlers, watchTraffic } });
      await failed.page.getByRole('alert').getByText('The traffic cannot be read').waitFor();
      await walkThemes(failed, 'traffic-error');
      await failed.page.getByRole('button', { name: 'Try again' }).click();
      await failed.page.getByText('No requests yet').waitFor();
    });
  },
);
