const maxLines = 5;
const maxCharacters = 240;

interface SampledLine {
  readonly number: number;
  readonly text: string;
}

/** A few lines of a log for somebody who wants to know what it is: those in which something was replaced, else the first ones. */
export class LineSample {
  readonly #first: SampledLine[] = [];
  readonly #changed: SampledLine[] = [];
  #lines = 0;
  #changedLines = 0;

  take(text: string, isChanged: boolean): void {
    if (isChanged) this.#changedLines += 1;
    const kept = isChanged ? this.#changed : this.#first;
    if (kept.length < maxLines) kept.push({ number: this.#lines, text: text.slice(0, maxCharacters) });
    this.#lines += 1;
  }

  result(): { readonly lines: number; readonly changedLines: number; readonly sample: string[] } {
    const chosen = [...this.#changed, ...this.#first].slice(0, maxLines).toSorted((a, b) => a.number - b.number);
    return { lines: this.#lines, changedLines: this.#changedLines, sample: chosen.map(({ text }) => text) };
  }
}
