import { describe, expect, it } from 'vitest';
import { missing } from './testing/browser.ts';
import { onWorld, type World } from './testing/fake-world.ts';
import { createUiBed, type OpenWindow } from './testing/ui-bed.ts';
import { engagementOf } from './testing/world.ts';

const running = {
  command: 'npm run dev',
  directory: '/home/dev/cart',
  restarts: 0,
  state: { kind: 'running', since: new Date().toISOString(), pid: 48_113 },
} as const;

describe.skipIf(missing !== undefined)(`engagements page${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();

  const openPage = async (world: World): Promise<OpenWindow> => {
    const opened = await bed.open(world);
    await opened.page
      .getByRole('navigation', { name: 'Pages' })
      .getByRole('button', { name: /^Engagements/ })
      .click();
    return opened;
  };

  it('follows state and counters without moving anything', async () => {
    const { page, state } = await openPage(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    const detail = page.getByRole('article', { name: 'cart' });
    await detail.getByText('Active').waitFor();
    const box = await detail.getByText('Received').boundingBox();
    const traffic = {
      connections: 99_128,
      open: 1_022,
      rejected: 13,
      direct: 99_000,
      inBytes: 848_213_000,
      outBytes: 9_204_991_000,
    };
    state.put('engagements', 'staging-shop/cart', engagementOf({ traffic }));
    await detail.getByText('99128').waitFor();
    expect(await detail.getByText('Received').boundingBox()).toEqual(box);
    const reason = { code: 'manager.unreachable', message: 'The traffic-manager does not answer' } as const;
    state.put(
      'engagements',
      'staging-shop/cart',
      engagementOf({ state: { kind: 'waiting', since: new Date().toISOString(), reason } }),
    );
    await detail.getByText('It waits, and goes on by itself').waitFor();
    state.remove('engagements', 'staging-shop/cart');
    await page.getByText('No engagements').waitFor();
  });

  it('has the command line of Leave', async () => {
    const { page } = await openPage(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    const detail = page.getByRole('article', { name: 'cart' });
    await detail.getByRole('button', { name: 'Command lines' }).click();
    await page.getByRole('menuitem', { name: 'Copy the command telepresence leave cart' }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('telepresence leave cart');
  });

  it('leaves after five seconds in which it can be taken back', async () => {
    const left: string[] = [];
    const world = onWorld(
      { engagements: { 'staging-shop/cart': engagementOf() } },
      {
        leave: async ({ name }) => {
          left.push(name);
          return { engagement: engagementOf() };
        },
      },
    );
    const { page } = await bed.open(world);
    await page.getByRole('grid', { name: 'Workloads' }).waitFor();
    await page.clock.install();
    await page
      .getByRole('navigation', { name: 'Pages' })
      .getByRole('button', { name: /^Engagements/ })
      .click();
    const detail = page.getByRole('article', { name: 'cart' });
    await detail.getByRole('button', { name: 'Leave' }).click();
    await page.getByText('Leaving cart').waitFor();
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.clock.runFor(10_000);
    expect(await detail.getByRole('button', { name: 'Leave' }).isEnabled()).toBe(true);
    expect(left).toEqual([]);
    await detail.getByRole('button', { name: 'Leave' }).click();
    await page.getByText('Leaving cart').waitFor();
    await page.clock.runFor(6_000);
    await expect.poll(() => left).toEqual(['cart']);
  });

  it('restarts and stops the process of the handler, and says how it ended', async () => {
    const calls: string[] = [];
    const { page, state } = await openPage(
      onWorld(
        { engagements: { 'staging-shop/cart': engagementOf({ process: running }) } },
        {
          restartHandler: async ({ name }) => {
            calls.push(`restart ${name}`);
            return {};
          },
          stopHandler: async ({ name }) => {
            calls.push(`stop ${name}`);
            return {};
          },
        },
      ),
    );
    const handler = page.getByRole('region', { name: 'Handler' });
    await handler.getByText('npm run dev').waitFor();
    await handler.getByRole('button', { name: 'Restart' }).click();
    await handler.getByRole('button', { name: 'Stop' }).click();
    await expect.poll(() => calls).toEqual(['restart cart', 'stop cart']);
    const exited = { ...running, state: { kind: 'exited', since: new Date().toISOString(), exitCode: 143 } } as const;
    state.put('engagements', 'staging-shop/cart', engagementOf({ process: exited, handler: 'not-listening' }));
    await handler.getByText('Ended with exit code 143').waitFor();
    expect(await handler.getByRole('button', { name: 'Stop' }).isDisabled()).toBe(true);
  });

  it('reads the environment when asked, masks it, reveals one value, and copies it in three formats', async () => {
    let reads = 0;
    const { page } = await openPage(
      onWorld(
        { engagements: { 'staging-shop/cart': engagementOf() } },
        {
          readEnvironment: async () => {
            reads += 1;
            return { environment: { KEY: "it's secret", PORT: '80' } };
          },
        },
      ),
    );
    const section = page.getByRole('region', { name: 'Environment' });
    await section.getByRole('button', { name: 'Show' }).waitFor();
    expect(reads).toBe(0);
    await section.getByRole('button', { name: 'Show' }).click();
    await section.getByRole('rowheader', { name: 'KEY' }).waitFor();
    expect(await section.getByText("it's secret").count()).toBe(0);
    await section.getByRole('button', { name: 'Reveal KEY' }).click();
    await section.getByText("it's secret").waitFor();
    const copied = async (format: string) => {
      await section.getByRole('button', { name: `Copy the environment as ${format}` }).click();
      return await page.evaluate('navigator.clipboard.readText()');
    };
    await expect.poll(async () => await copied('.env')).toBe('KEY="it\'s secret"\nPORT=80\n');
    await expect.poll(async () => await copied('sh')).toBe("export KEY='it'\\''s secret'\nexport PORT=80\n");
    await expect.poll(async () => await copied('json')).toBe('{\n  "KEY": "it\'s secret",\n  "PORT": "80"\n}\n');
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Workloads' }).click();
    await page
      .getByRole('navigation', { name: 'Pages' })
      .getByRole('button', { name: /^Engagements/ })
      .click();
    await section.getByRole('button', { name: 'Show' }).waitFor();
  });

  it('copies the curl line that reaches it', async () => {
    const { page } = await openPage(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    await page.getByRole('button', { name: 'Copy curl http://cart.shop:80/' }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe('curl http://cart.shop:80/');
  });
});
