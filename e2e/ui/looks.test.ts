import { describe, expect, it } from 'vitest';
import { screens } from './testing/screens.ts';
import { accessibilityProblems, createUiBed, missing, takePicture } from './testing/ui-bed.ts';
import { preferencesOf } from './testing/world.ts';

const themes = [
  { theme: 'light', scheme: 'light' },
  { theme: 'dark', scheme: 'dark' },
  { theme: 'contrast', scheme: 'dark' },
] as const;

describe.skipIf(missing !== undefined)(`every screen${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();

  it.each(screens)('$name is accessible in light, dark and high contrast', async ({ name, world, ready }) => {
    const shown = world();
    const { page, state } = await bed.open(shown);
    await ready(page);
    for (const { theme, scheme } of themes) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      state.put('preferences', 'preferences', preferencesOf({ theme }));
      const root = page.locator(
        `html[data-mantine-color-scheme="${scheme}"]${theme === 'contrast' ? '[data-contrast="more"]' : ':not([data-contrast])'}`,
      );
      await root.waitFor();
      // Themes differ in their colours only.
      await takePicture(page, `${name}-${theme}`);
      expect(await accessibilityProblems(page, theme === 'light' ? 'all' : 'colours'), theme).toEqual([]);
    }
  });
});
