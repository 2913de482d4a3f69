import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { checkout } from '../support/settings.ts';
import { launchBrowser, missing } from '../ui/testing/browser.ts';
import { takeDocsPicture } from '../ui/testing/pictures.ts';
import type { MenuReport, TrayReport } from './double/control.ts';
import { makeAppDirectory } from './testing/app-directory.ts';
import { AppUnderTest, menuLabels } from './testing/app-under-test.ts';
import { startScriptedDaemon } from './testing/scripted-daemon.ts';
import { connected, connectionIn, engaged } from './testing/states.ts';

/** What the app shows in the tray in each state, side by side in one picture: icon, tooltip and menu are those that Electron is handed. */
const ends: (() => Promise<unknown> | undefined)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

const since = '2026-01-01T09:00:00.000Z';
const reason = { code: 'manager.unreachable', message: 'The traffic-manager does not answer' } as const;
const noHelper = { code: 'helper.not-running', message: 'The privileged helper is not running' } as const;
const states = [
  { name: 'Off', image: 'off', state: { connections: {}, engagements: {} } },
  { name: 'Connecting', image: 'connecting', state: { connections: connectionIn({ kind: 'connecting', stage: 'dns' }) } },
  { name: 'On', image: 'on', state: { connections: connected } },
  { name: 'On, engaged', image: 'engaged-1', state: { connections: connected, engagements: engaged } },
  { name: 'Paused', image: 'paused', state: { connections: connectionIn({ kind: 'paused', since }), engagements: {} } },
  { name: 'Trouble', image: 'trouble', state: { connections: connectionIn({ kind: 'degraded', since, reason }) } },
  { name: 'No helper', image: 'key', state: { connections: connectionIn({ kind: 'off', error: noHelper }) } },
] as const;

test.skipIf(missing !== undefined)(
  `is pictured in each state${missing === undefined ? '' : ` (skipped: ${missing})`}`,
  async () => {
    const directory = makeAppDirectory();
    ends.push(async () => directory.remove());
    const daemon = await startScriptedDaemon(directory.daemonSocket);
    ends.push(() => daemon.close());
    const app = new AppUnderTest(directory);
    ends.push(() => app.stop());
    const cards: string[] = [];
    for (const { name, image, state } of states) {
      daemon.set(state);
      // Contexts and namespaces come a moment after the state.
      const menus = menusOf(name);
      const tray = await app.tray(({ image: shown, items }) => {
        const labels = menuLabels(items);
        return shown === `${image}-dark.png` && menus.every((menu) => labels.includes(menu));
      });
      expect(tray.isImageThere).toBe(true);
      cards.push(card(name, tray));
    }
    const browser = await launchBrowser();
    ends.push(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1_120, height: 620 } });
    await page.setContent(`<style>${style}</style><main>${cards.join('')}</main>`);
    await takeDocsPicture(page, 'tray');
  },
);

function menusOf(name: (typeof states)[number]['name']): readonly string[] {
  if (name === 'Off' || name === 'No helper') return ['Context › production'];
  const context = 'Context: staging › production';
  return name === 'Connecting' ? [context] : [context, 'Namespace: shop › cellar'];
}

const style = `
  body { margin: 0; background: #fff; font: 13px system-ui, "DejaVu Sans", sans-serif; color: #1c2230; }
  main { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; padding: 16px; align-items: start; }
  section { border: 1px solid #d9dde3; border-radius: 8px; overflow: hidden; }
  header { display: flex; align-items: center; gap: 10px; padding: 8px 12px; background: #23272f; color: #f2f4f7; font-weight: 600; }
  header img { width: 22px; height: 22px; }
  ul { list-style: none; margin: 0; padding: 4px 0; }
  li { display: flex; justify-content: space-between; padding: 4px 12px; }
  li.said { color: #5b6472; }
  li.line { border-top: 1px solid #e3e6eb; padding: 0; margin: 4px 0; }
`;

function card(name: string, { image, items }: TrayReport): string {
  const icon = readFileSync(join(checkout, 'assets/drawn/tray', image)).toString('base64');
  return `<section><header><img src="data:image/png;base64,${icon}" alt="">${name}</header><ul>${items.map(row).join('')}</ul></section>`;
}

function row({ type, label, isEnabled }: MenuReport): string {
  if (type === 'separator') return '<li class="line"></li>';
  const text = label.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<li class="${isEnabled ? '' : 'said'}"><span>${text}</span>${type === 'submenu' ? '<span>▸</span>' : ''}</li>`;
}
