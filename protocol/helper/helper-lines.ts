/** Complete lines and what came after the last of them. */
export interface SplitLines {
  readonly lines: readonly string[];
  /** The start of a line that is still to come; goes in front of the next chunk. */
  readonly rest: string;
}

/**
 * Takes the complete lines (without `\n`; empty ones left out) from `rest` followed by `chunk`.
 *
 * @returns `undefined` where a line, finished or not, is longer than `maxLength` characters.
 */
export function splitLines(rest: string, chunk: string, maxLength: number): SplitLines | undefined {
  const parts = (rest + chunk).split('\n');
  if (parts.some((part) => part.length > maxLength)) return undefined;
  const tail = parts.pop() ?? '';
  return { lines: parts.filter((part) => part !== ''), rest: tail };
}
