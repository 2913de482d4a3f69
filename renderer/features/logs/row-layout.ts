import { firstIndex, type LogEntry } from './log-buffer.ts';

/** Of a line of text. */
export const lineHeight = 18;
/** Outside of the visible part, drawn so that scrolling shows no gaps. */
const overscanRows = 12;

/** Where rows are. The heights of what is not drawn are reckoned, for a row has as many lines as its text has widths. */
export interface RowLayout {
  readonly count: number;
  readonly height: number;
  top(index: number): number;
  /** The row at a distance from the first one's top. */
  at(top: number): number;
}

export interface RowRange {
  readonly first: number;
  /** After the last. */
  readonly end: number;
}

/** `columns` undefined: rows are one line high. */
export function layoutRows(entries: readonly LogEntry[], columns: number | undefined): RowLayout {
  const count = entries.length;
  if (columns === undefined) {
    return {
      count,
      height: count * lineHeight,
      top: (index) => index * lineHeight,
      at: (top) => Math.min(Math.max(Math.floor(top / lineHeight), 0), Math.max(count - 1, 0)),
    };
  }
  const tops = new Uint32Array(count + 1);
  for (let index = 0; index < count; index += 1) {
    const width = textColumns(entries[index]?.text ?? '');
    tops[index + 1] = (tops[index] ?? 0) + Math.max(1, Math.ceil(width / columns)) * lineHeight;
  }
  return {
    count,
    height: tops[count] ?? 0,
    top: (index) => tops[index] ?? 0,
    at: (top) =>
      Math.max(
        0,
        firstIndex(count, (index) => (tops[index + 1] ?? 0) > top),
      ),
  };
}

/** The rows that are drawn. */
export function visibleRows(layout: RowLayout, scrollTop: number, viewHeight: number): RowRange {
  if (layout.count === 0) return { first: 0, end: 0 };
  const first = Math.max(0, layout.at(scrollTop) - overscanRows);
  const end = Math.min(layout.count, layout.at(scrollTop + viewHeight) + 1 + overscanRows);
  return { first: Math.min(first, end), end };
}

/** Columns that a text takes in a font of one width. Ideographs, their punctuation and pictographs take two. */
export function textColumns(text: string): number {
  const { length } = text;
  // Almost all lines are plain: those are not looked at letter by letter.
  if (!wide.test(text)) return length;
  let columns = 0;
  for (const letter of text) columns += wide.test(letter) ? 2 : 1;
  return columns;
}

const wide = /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\u{1F300}-\u{1FAFF}]/u;
