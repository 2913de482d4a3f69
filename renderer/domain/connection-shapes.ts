import type { Shape, Tone } from '../ui/shape.tsx';
import type { ConnectionWord } from './connection-view.ts';

/** The same shapes as in the tray. */
export const connectionShapes: Readonly<Record<ConnectionWord, { readonly shape: Shape; readonly tone: Tone }>> = {
  off: { shape: 'hollow', tone: 'dim' },
  connecting: { shape: 'dots', tone: 'accent' },
  on: { shape: 'solid', tone: 'good' },
  paused: { shape: 'bars', tone: 'warn' },
  trouble: { shape: 'triangle', tone: 'bad' },
};
