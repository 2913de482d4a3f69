/** Gives names of a cluster other names: the same for the same everywhere, in the names of files and in what they hold. */
export class Anonymizer {
  readonly #names = new Map<string, string>();
  readonly #counts = new Map<string, number>();
  #pattern: RegExp | undefined;

  /** `kind`: what the other name begins with. */
  add(kind: string, name: string): void {
    if (name === '' || this.#names.has(name)) return;
    const count = (this.#counts.get(kind) ?? 0) + 1;
    this.#counts.set(kind, count);
    this.#names.set(name, `${kind}-${count}`);
    this.#pattern = undefined;
  }

  /** Whole names only: the namespace `shop` is not in `shop-1`. */
  text(text: string): string {
    if (this.#names.size === 0) return text;
    this.#pattern ??= this.#makePattern();
    return text.replace(this.#pattern, (name) => this.#names.get(name) ?? name);
  }

  #makePattern(): RegExp {
    const longestFirst = [...this.#names.keys()].sort((a, b) => b.length - a.length);
    const names = longestFirst.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`(?<![a-zA-Z0-9-])(?:${names.join('|')})(?![a-zA-Z0-9-])`, 'g');
  }
}
