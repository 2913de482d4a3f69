import * as z from 'zod/mini';
import { readIfThere, replaceFile } from '#base/node/text-file.ts';

export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** How the window was left. Without `bounds` the system places it. */
export interface WindowPlace {
  readonly bounds?: Rectangle;
  readonly isMaximized: boolean;
}

export const defaultSize = { width: 1_180, height: 760 };
export const minimumSize = { width: 720, height: 480 };

const int = z.int().check(z.minimum(-100_000), z.maximum(100_000));
const storedPlace = z.object({
  bounds: z.object({ x: int, y: int, width: int, height: int }),
  isMaximized: z.boolean(),
});

/** Where the window goes: where it was, unless that place is on no screen any more. */
export function restoredPlace(stored: unknown, workAreas: readonly Rectangle[]): WindowPlace {
  const parsed = storedPlace.safeParse(stored);
  if (!parsed.success) return { isMaximized: false };
  const { bounds, isMaximized } = parsed.data;
  const area = workAreas.find((candidate) => showsTitleBar(bounds, candidate));
  if (area === undefined) return { isMaximized };
  const width = Math.min(Math.max(bounds.width, minimumSize.width), area.width);
  const height = Math.min(Math.max(bounds.height, minimumSize.height), area.height);
  return { bounds: { x: bounds.x, y: Math.max(bounds.y, area.y), width, height }, isMaximized };
}

/** So much of a title bar can be taken with the mouse. */
const grip = { width: 120, height: 40 };

function showsTitleBar(bounds: Rectangle, area: Rectangle): boolean {
  const overlap = Math.min(bounds.x + bounds.width, area.x + area.width) - Math.max(bounds.x, area.x);
  return overlap >= grip.width && bounds.y >= area.y - grip.height && bounds.y + grip.height <= area.y + area.height;
}

/** What `saveWindowPlace` wrote; `undefined` where there is none. */
export function readWindowPlace(file: string): unknown {
  try {
    return JSON.parse(readIfThere(file) ?? '');
  } catch {
    return undefined;
  }
}

export function saveWindowPlace(file: string, bounds: Rectangle, isMaximized: boolean): void {
  const { x, y, width, height } = bounds;
  replaceFile(file, JSON.stringify({ bounds: { x, y, width, height }, isMaximized }));
}
