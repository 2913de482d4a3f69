import { describe, it } from 'vitest';
import { missing } from './testing/browser.ts';
import { screens } from './testing/screens.ts';
import { walkThemes } from './testing/theme-walk.ts';
import { createUiBed } from './testing/ui-bed.ts';

describe.skipIf(missing !== undefined)(`every screen${missing === undefined ? '' : ` (skipped: ${missing})`}`, () => {
  const bed = createUiBed();

  it.each(screens)('$name is accessible in light, dark and high contrast', async ({ name, world, ready }) => {
    const window = await bed.open(world());
    await ready(window.page);
    await walkThemes(window, name);
  });
});
