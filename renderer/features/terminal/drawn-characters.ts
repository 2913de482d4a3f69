import { onNextFrame } from '../../api/next-frame.ts';

export interface DrawnCharacters {
  add(characters: number): void;
  /** For another attachment: what was drawn for the former is of no interest. */
  reset(): void;
}

/** Sums up what was drawn and tells it at most once a frame: a word for each piece would be more than the pieces. */
export function countDrawn(tell: (characters: number) => void): DrawnCharacters {
  let drawn = 0;
  const flush = onNextFrame(() => {
    const characters = drawn;
    drawn = 0;
    if (characters > 0) tell(characters);
  });
  return {
    add(characters) {
      drawn += characters;
      flush.request();
    },
    reset() {
      drawn = 0;
      flush.cancel();
    },
  };
}
