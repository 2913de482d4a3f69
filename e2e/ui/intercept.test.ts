import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import { missing } from './testing/browser.ts';
import { changingWorld, onWorld, planOf } from './testing/fake-world.ts';
import { createUiBed, hasFocus } from './testing/ui-bed.ts';
import { engagementOf, shopDetails, shopWorkloads, workloadOf } from './testing/world.ts';

const emptyTraffic = { connections: 0, open: 0, rejected: 0, inBytes: 0, outBytes: 0 };

async function openWizard(page: Page, workload: string): Promise<void> {
  await page
    .getByRole('row', { name: workload, exact: true })
    .getByRole('button', { name: `Intercept ${workload}…` })
    .click();
  await page.getByRole('heading', { name: 'What is intercepted?' }).waitFor();
}

const next = async (page: Page) => await page.getByRole('button', { name: 'Next' }).click();

describe.skipIf(missing !== undefined)(`intercept wizard${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();

  it('leads from the palette to the running engagement by keyboard alone', async () => {
    const requests: InterceptRequest[] = [];
    const { page, state } = await bed.open(
      onWorld(
        {},
        {
          checkLaptopPort: async () => ({ listening: false }),
          intercept: async ({ request }, { emit }) => {
            requests.push(request);
            emit({ stage: 'Preparing the workload' });
            emit({ stage: 'Waiting for the agent' });
            const engagement = engagementOf({ name: request.name, workload: 'catalog', traffic: emptyTraffic });
            state.put('engagements', `staging-shop/${request.name}`, engagement);
            return { engagement, environment: {}, warnings: [] };
          },
        },
      ),
    );
    await page.getByRole('row', { name: 'catalog', exact: true }).waitFor();
    await page.keyboard.press('Control+k');
    await page.keyboard.type('intercept catalog');
    await page.getByText('Intercept catalog…').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'What is intercepted?' }).waitFor();

    // What: the name is the only field that is changed.
    const name = page.getByRole('textbox', { name: 'Name' });
    await tabTo(page, name);
    await page.keyboard.type('my-catalog');
    await page.keyboard.press('Enter');
    // Who.
    await page.getByRole('heading', { name: 'Whose traffic comes to this laptop?' }).waitFor();
    expect(await hasFocus(page, page.getByRole('heading', { name: 'Whose traffic comes to this laptop?' }))).toBe(true);
    await page.getByText('Nobody else has this port.').waitFor();
    await tabTo(page, page.getByRole('radio', { name: 'Everyone' }));
    await page.keyboard.press('Enter');
    // Where: a command, by the arrow keys of the radio group.
    await page.getByRole('heading', { name: 'Where does it go?' }).waitFor();
    await tabTo(page, page.getByRole('radio', { name: 'A program that I start' }));
    await page.keyboard.press('ArrowDown');
    await tabTo(page, page.getByRole('textbox', { name: 'Command' }));
    await page.keyboard.type('npm run dev');
    await tabTo(page, page.getByRole('textbox', { name: 'Folder' }));
    await page.keyboard.type('/home/dev/catalog');
    await tabTo(page, page.getByRole('textbox', { name: 'Port on this laptop' }));
    await page.keyboard.press('Control+a');
    await page.keyboard.type('9090');
    await page.getByText('Free: the command can listen here.').waitFor();
    await page.keyboard.press('Enter');
    // Review.
    await page.getByRole('heading', { name: 'Review and start' }).waitFor();
    await page.getByText('telepresence intercept my-catalog --port 8080:http').waitFor();
    await tabTo(page, page.getByRole('button', { name: 'Start' }));
    await page.keyboard.press('Enter');
    await page.getByRole('article', { name: 'my-catalog' }).waitFor();
    expect(requests).toEqual([
      {
        name: 'my-catalog',
        workload: 'catalog',
        ports: [{ laptopPort: 9090, identifier: 'http' }],
        toPod: [],
        handler: { command: 'npm run dev', directory: '/home/dev/catalog', environment: {} },
      },
    ]);
  });

  it('tells errors at their fields, and goes on when they are gone', async () => {
    const { page } = await bed.open(onWorld({ engagements: { 'staging-shop/cart': engagementOf() } }));
    await openWizard(page, 'catalog');
    const name = page.getByRole('textbox', { name: 'Name' });
    await name.fill('cart');
    await next(page);
    await page.getByText('You have an engagement of that name').waitFor();
    expect(await name.getAttribute('aria-invalid')).toBe('true');
    await expect.poll(() => hasFocus(page, name)).toBe(true);
    await name.fill('');
    await next(page);
    await next(page);
    await page.getByRole('radio', { name: 'A command' }).check();
    await page.getByRole('textbox', { name: 'Port on this laptop' }).fill('70000');
    await next(page);
    await page.getByText('Say what to run').waitFor();
    await page.getByText('A whole path, from the root').waitFor();
    await page.getByText('From 1 to 65535').waitFor();
    await page.getByRole('heading', { name: 'Where does it go?' }).waitFor();
  });

  it('loses nothing on the way back, nor when the page is left', async () => {
    const { page } = await bed.open(onWorld());
    await openWizard(page, 'catalog');
    await page.getByRole('textbox', { name: 'Name' }).fill('mine');
    await next(page);
    await next(page);
    await page.getByRole('radio', { name: 'A command' }).check();
    await page.getByRole('textbox', { name: 'Command' }).fill('make run');
    await page.getByRole('textbox', { name: 'Folder' }).fill('/src');
    await page.getByRole('textbox', { name: 'More environment' }).fill('DEBUG=1');
    await page.getByRole('button', { name: 'Back' }).click();
    await page.getByRole('button', { name: 'Back' }).click();
    expect(await page.getByRole('textbox', { name: 'Name' }).inputValue()).toBe('mine');
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Engagements' }).click();
    await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name: 'Workloads' }).click();
    await openWizard(page, 'catalog');
    expect(await page.getByRole('textbox', { name: 'Name' }).inputValue()).toBe('mine');
    await page.getByRole('button', { name: /3.*Where/ }).click();
    expect(await page.getByRole('textbox', { name: 'Command' }).inputValue()).toBe('make run');
    expect(await page.getByRole('textbox', { name: 'Folder' }).inputValue()).toBe('/src');
    expect(await page.getByRole('textbox', { name: 'More environment' }).inputValue()).toBe('DEBUG=1');
  });

  it('finds scripts and launch configurations in a folder that is chosen from a list', async () => {
    const requests: InterceptRequest[] = [];
    const { page } = await bed.open(
      onWorld(
        {},
        {
          listFolders: async ({ directory = '/home/dev' }) =>
            directory === '/home/dev'
              ? { directory, parent: '/home', folders: ['catalog', 'notes'] }
              : { directory, parent: '/home/dev', folders: [] },
          findLaunchers: async ({ directory }) => ({
            launchers: [
              { kind: 'npm-script', name: 'dev', command: 'npm run dev', directory, environment: {} },
              {
                kind: 'launch-configuration',
                name: 'Debug',
                command: 'node main.js',
                directory,
                environment: { NODE_ENV: 'test' },
              },
              { kind: 'launch-configuration', name: 'Attach', command: '', directory, environment: {}, problem: 'It attaches' },
            ],
          }),
          planIntercept: async ({ request }) => {
            requests.push(request);
            return planOf();
          },
        },
      ),
    );
    await openWizard(page, 'catalog');
    await page.getByRole('button', { name: /3.*Where/ }).click();
    await page.getByRole('radio', { name: 'From a folder' }).check();
    await page.getByRole('button', { name: 'Choose…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Choose a folder' });
    await dialog.getByRole('button', { name: 'catalog' }).click();
    await dialog.getByText('No folders in here').waitFor();
    await dialog.getByRole('button', { name: 'Use this folder' }).click();
    expect(await page.getByRole('radio', { name: 'Attach' }).isDisabled()).toBe(true);
    await next(page);
    await page.getByText('Choose one').waitFor();
    await page.getByRole('radio', { name: 'Debug' }).check();
    await page.getByRole('textbox', { name: 'More environment' }).fill('LOG=debug');
    await next(page);
    await page.getByRole('heading', { name: 'Review and start' }).waitFor();
    await expect
      .poll(() => requests.at(-1)?.handler)
      .toEqual({ command: 'node main.js', directory: '/home/dev/catalog', environment: { NODE_ENV: 'test', LOG: 'debug' } });
  });

  it('offers only what the daemon can do: no command without its capability, and only everyone', async () => {
    const world = onWorld();
    const { page } = await bed.open({ ...world, state: { ...world.state, daemon: { ...world.state.daemon, capabilities: [] } } });
    await openWizard(page, 'catalog');
    await next(page);
    expect(await page.getByRole('radio').count()).toBe(1);
    await next(page);
    await page.getByRole('textbox', { name: 'Port on this laptop' }).waitFor();
    expect(await page.getByRole('radio').count()).toBe(0);
  });

  it('follows whether something listens while one looks', async () => {
    let isListening = false;
    const { page } = await bed.open(
      onWorld(
        {},
        {
          checkLaptopPort: async () =>
            isListening ? { listening: true, process: { name: 'node', pid: 4711 } } : { listening: false },
        },
      ),
    );
    await openWizard(page, 'catalog');
    await page.getByRole('button', { name: /3.*Where/ }).click();
    await page.getByText('Nothing listens yet.').waitFor();
    isListening = true;
    await page.getByText('node (4711) listens').waitFor();
  });

  it('says what restarts and which rights are missing, and starts without those that only help', async () => {
    const { page } = await bed.open(
      onWorld(
        {},
        {
          planIntercept: async () =>
            planOf({
              restarts: ['catalog-1'],
              rights: [
                { verb: 'list', resource: 'pods', namespace: 'ambassador', allowed: false, withoutIt: 'cannot-reconnect' },
                { verb: 'create', resource: 'pods/portforward', namespace: 'shop', allowed: false, withoutIt: 'slower' },
              ],
            }),
        },
      ),
    );
    await openWizard(page, 'catalog');
    await page.getByRole('button', { name: /4.*Review/ }).click();
    await page.getByText('1 pod is replaced').waitFor();
    await page.getByText('Connecting again takes rights that you lack').waitFor();
    await page.getByText('list pods in ambassador').waitFor();
    await page.getByText('its traffic passes the traffic-manager').waitFor();
    await page.getByText('create pods/portforward in shop').waitFor();
    expect(await page.getByRole('button', { name: 'Start' }).isEnabled()).toBe(true);
  });

  it('does not start without a right that it takes, and hands over the command that grants it', async () => {
    const grant = 'kubectl --namespace ambassador create role telepresence-create-pods-portforward';
    const right = { verb: 'create', resource: 'pods/portforward', namespace: 'ambassador', withoutIt: 'cannot-start' } as const;
    let isGranted = false;
    const { page } = await bed.open(
      onWorld(
        {},
        {
          planIntercept: async () =>
            planOf({ rights: [isGranted ? { ...right, allowed: true } : { ...right, allowed: false, grant }] }),
        },
      ),
    );
    await openWizard(page, 'catalog');
    await page.getByRole('button', { name: /4.*Review/ }).click();
    await page.getByRole('alert').getByText('This cannot start: you lack the rights that it takes').waitFor();
    await page.getByText('create pods/portforward in ambassador').waitFor();
    expect(await page.getByRole('button', { name: 'Start' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: `Copy the command ${grant}` }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe(grant);
    // Once it is granted, nobody has to go back and forth.
    isGranted = true;
    await page.getByText('This cannot start').waitFor({ state: 'hidden' });
    expect(await page.getByRole('button', { name: 'Start' }).isEnabled()).toBe(true);
  });

  it.each(['who', 'review'] as const)(
    'shows a rival that comes while the step is open, and nothing flickers: %s',
    async (step) => {
      const since = new Date(Date.now() - 190_000).toISOString();
      const rival = { owner: 'ana@build-7', port: 'http', message: 'ana@build-7 has port http' };
      let conflicts: (typeof rival)[] = [];
      const answers: (() => void)[] = [];
      const { world, emit } = changingWorld(shopWorkloads, shopDetails);
      const { page } = await bed.open({
        ...world,
        handlers: {
          ...world.handlers,
          planIntercept: async () => {
            // An answer that is asked for again waits for the test, so that it can look at what stands meanwhile.
            if (conflicts.length > 0) await new Promise<void>((resolve) => answers.push(resolve));
            return planOf({ conflicts });
          },
        },
      });
      await openWizard(page, 'catalog');
      await page.getByRole('textbox', { name: 'Name' }).fill('mine');
      await page.getByRole('button', { name: step === 'who' ? /2.*Who/ : /4.*Review/ }).click();
      await page.getByText('Nobody else has this port.').waitFor();
      conflicts = [rival];
      emit({
        kind: 'changed',
        workload: workloadOf('catalog', { agent: 'intercepted', interceptedBy: [{ owner: 'ana@build-7', since }] }),
      });
      await expect.poll(() => answers.length).toBe(1);
      expect(await page.getByText('Nobody else has this port.').isVisible()).toBe(true);
      answers[0]?.();
      await page.getByText('ana@build-7 has port http').waitFor();
      if (step === 'who') await page.getByText('Engaged by ana@build-7 (for 3 min) already').waitFor();
      if (step === 'review') expect(await page.getByRole('button', { name: 'Start' }).isDisabled()).toBe(true);
      // One that leaves is seen by itself, too, though the workload does not change.
      conflicts = [];
      for (const answer of answers.splice(0)) answer();
      await page.getByText('Nobody else has this port.').waitFor();
      await page.getByRole('button', { name: /1.*What/ }).click();
      expect(await page.getByRole('textbox', { name: 'Name' }).inputValue()).toBe('mine');
    },
  );

  it('shows the request as YAML, to be copied', async () => {
    const { page } = await bed.open(onWorld());
    await openWizard(page, 'catalog');
    await page.getByRole('button', { name: /4.*Review/ }).click();
    const yaml = page.getByRole('region', { name: 'The same as YAML' });
    await yaml.getByText('target_port: 8080').waitFor();
    await yaml.getByRole('button', { name: 'Copy the YAML' }).click();
    await expect.poll(() => page.evaluate('navigator.clipboard.readText()')).toBe(planOf().yaml);
  });

  it('can be cancelled while it starts, and keeps the choices after a failure', async () => {
    let attempts = 0;
    const { page } = await bed.open(
      onWorld(
        {},
        {
          intercept: async (_input, { emit, signal }) => {
            attempts += 1;
            emit({ stage: 'Waiting for the agent' });
            if (attempts === 1)
              throw new AppError({ code: 'agent.failed', message: 'The agent did not start', reason: 'ImagePullBackOff' });
            await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
            throw new AppError({ code: 'cancelled', message: 'The request was cancelled' });
          },
        },
      ),
    );
    await openWizard(page, 'catalog');
    await page.getByRole('textbox', { name: 'Name' }).fill('mine');
    await page.getByRole('button', { name: /4.*Review/ }).click();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByRole('heading', { name: 'The intercept of mine could not be started' }).waitFor();
    await page.getByText('ImagePullBackOff').waitFor();
    await page.getByRole('button', { name: 'Change the choices' }).click();
    await page.getByRole('heading', { name: 'Review and start' }).waitFor();
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('Waiting for the agent').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('heading', { name: 'Review and start' }).waitFor();
  });
});

/** Presses Tab until the element has the focus, as a person would. */
async function tabTo(page: Page, target: ReturnType<Page['getByRole']>): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    if (await hasFocus(page, target)) return;
    await page.keyboard.press('Tab');
  }
  throw new Error('It is not reached by the tab key');
}
