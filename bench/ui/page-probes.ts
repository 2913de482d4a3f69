import type { Page } from 'playwright-core';

/** What runs in the page to see what a person would; times are milliseconds of the page's clock. */
const probes = `
  globalThis.bench = {
    frames: undefined,
    keys: [],
    startFrames() {
      const frames = [];
      this.frames = frames;
      let last;
      const next = (time) => {
        if (this.frames !== frames) return;
        if (last !== undefined) frames.push(time - last);
        last = time;
        requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
    },
    stopFrames() {
      const frames = this.frames ?? [];
      this.frames = undefined;
      return frames;
    },
    // A task that is queued by a frame's callback runs when the frame has been drawn.
    afterPaint(work) {
      requestAnimationFrame(() => {
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => { port1.close(); work(); };
        port2.postMessage(0);
      });
    },
    watchKeys() {
      this.keys = [];
      let current;
      addEventListener('keydown', ({ timeStamp }) => {
        const key = { start: timeStamp, drawn: undefined, settled: undefined };
        this.keys.push(key);
        current = key;
        this.afterPaint(() => { key.drawn = performance.now() - key.start; });
      }, true);
      const grid = document.querySelector('[role=grid]');
      if (grid === null) return;
      new MutationObserver(() => {
        const key = current;
        if (key !== undefined) this.afterPaint(() => { key.settled = performance.now() - key.start; });
      }).observe(grid, { subtree: true, childList: true, characterData: true, attributes: true });
    },
    // Resolves to the time of day at which the page has it drawn.
    drawn(selector, text) {
      return new Promise((resolve) => {
        const look = () => {
          const found = [...document.querySelectorAll(selector)].some(
            (node) => text === '' || (node.getAttribute('aria-label') ?? node.textContent ?? '').includes(text),
          );
          if (!found) return false;
          observer.disconnect();
          this.afterPaint(() => resolve(performance.timeOrigin + performance.now()));
          return true;
        };
        const observer = new MutationObserver(look);
        observer.observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
        look();
      });
    },
  };
`;

/** How long a key took to be drawn in its field, and until the table stood still. */
export interface KeyTimes {
  readonly drawn: number;
  readonly settled: number;
}

export async function installProbes(page: Page): Promise<void> {
  await page.evaluate(probes);
}

/** Lengths of the frames while the work goes on. */
export async function framesDuring(page: Page, work: () => Promise<void>): Promise<readonly number[]> {
  await page.evaluate('bench.startFrames()');
  await work();
  return await page.evaluate<number[]>('bench.stopFrames()');
}

export async function watchKeys(page: Page): Promise<void> {
  await page.evaluate('bench.watchKeys()');
}

export async function keyTimes(page: Page): Promise<readonly KeyTimes[]> {
  const keys = await page.evaluate<readonly { readonly drawn?: number; readonly settled?: number }[]>('bench.keys');
  return keys.flatMap(({ drawn, settled }) => (drawn === undefined ? [] : [{ drawn, settled: Math.max(drawn, settled ?? 0) }]));
}

/** The time of day, as `Date.now()` has it, at which the page has drawn an element of the selector that says the text. */
export async function timeDrawn(page: Page, selector: string, text = ''): Promise<number> {
  return await page.evaluate<number>(`bench.drawn(${JSON.stringify(selector)}, ${JSON.stringify(text)})`);
}
