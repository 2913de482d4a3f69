import { expect, test } from 'vitest';
import { restoredPlace } from './window-bounds.ts';

const laptop = { x: 0, y: 25, width: 1_440, height: 875 };
const external = { x: 1_440, y: 0, width: 2_560, height: 1_440 };
const bounds = { x: 1_600, y: 200, width: 1_200, height: 800 };

test('puts the window where it was', () => {
  expect(restoredPlace({ bounds, isMaximized: true }, [laptop, external])).toEqual({ bounds, isMaximized: true });
});

test('lets the system place it where its screen is gone', () => {
  expect(restoredPlace({ bounds, isMaximized: false }, [laptop])).toEqual({ isMaximized: false });
});

test('keeps it within the screen', () => {
  const large = { x: 10, y: 0, width: 4_000, height: 4_000 };
  expect(restoredPlace({ bounds: large, isMaximized: false }, [laptop]).bounds).toEqual({
    x: 10,
    y: 25,
    width: 1_440,
    height: 875,
  });
});

test.each([undefined, {}, { bounds: { x: 'a' } }, { bounds: { ...bounds, width: 1e9 }, isMaximized: false }])(
  'takes no notice of %j',
  (stored) => expect(restoredPlace(stored, [laptop])).toEqual({ isMaximized: false }),
);
