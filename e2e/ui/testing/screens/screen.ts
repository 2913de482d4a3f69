import type { Page } from 'playwright-core';
import { untilAborted } from '#net/rpc/handlers.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { World } from '../fake-world.ts';

/** A screen in one of its states: how it comes about, and what shows that it is there. */
export interface Screen {
  readonly name: string;
  readonly world: () => World;
  readonly ready: (page: Page) => Promise<void>;
}

/** A daemon that has not answered yet. */
export const never = async (_input: unknown, { signal }: { readonly signal: AbortSignal }) => {
  await untilAborted(signal);
  throw new AppError({ code: 'cancelled', message: 'The test is over' });
};

/** What a daemon says that cannot. */
export const refused = new AppError({
  code: 'manager.unreachable',
  message: 'The traffic-manager does not answer',
  reason: 'No pod of it is ready',
  remedies: [{ label: 'See what is wrong', command: 'telepresence doctor' }],
});

export const fails = async () => {
  throw refused;
};

export const heading = (page: Page, name: string) => page.getByRole('heading', { name, exact: true }).waitFor();
export const goTo = async (page: Page, name: string) => {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name }).click();
};
