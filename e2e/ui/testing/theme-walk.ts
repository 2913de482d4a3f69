import { expect } from 'vitest';
import { examplePreferences } from '#protocol/local-api/testing/example-state.ts';
import { accessibilityProblems, type OpenWindow, takePicture } from './ui-bed.ts';

const themes = [
  { theme: 'light', scheme: 'light', root: 'html[data-mantine-color-scheme="light"]:not([data-contrast])' },
  { theme: 'dark', scheme: 'dark', root: 'html[data-mantine-color-scheme="dark"]:not([data-contrast])' },
  { theme: 'contrast', scheme: 'dark', root: 'html[data-mantine-color-scheme="dark"][data-contrast="more"]' },
] as const;

/** Looks at a screen in every theme: keeps its picture, and expects axe to find nothing. */
export async function walkThemes({ page, state }: Pick<OpenWindow, 'page' | 'state'>, name: string): Promise<void> {
  for (const { theme, scheme, root } of themes) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    const before = state.value.preferences['preferences'] ?? examplePreferences();
    state.put('preferences', 'preferences', { ...before, theme });
    await page.locator(root).waitFor();
    await takePicture(page, `${name}-${theme}`);
    expect(await accessibilityProblems(page), theme).toEqual([]);
  }
}

/** The same for a page that no daemon tells of a theme: it follows the system. */
export async function walkSystemThemes({ page }: Pick<OpenWindow, 'page'>, name: string): Promise<void> {
  for (const { theme, scheme, root } of themes) {
    const contrast = theme === 'contrast' ? 'more' : 'no-preference';
    await page.emulateMedia({ colorScheme: scheme, contrast, reducedMotion: 'reduce' });
    await page.locator(root).waitFor();
    await takePicture(page, `${name}-${theme}`);
    expect(await accessibilityProblems(page), theme).toEqual([]);
  }
}

/** Goes to a page by the rail. */
export async function goToPage({ page }: Pick<OpenWindow, 'page'>, name: string): Promise<void> {
  await page.getByRole('navigation', { name: 'Pages' }).getByRole('button', { name, exact: true }).click();
}
