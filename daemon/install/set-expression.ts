import { AppError } from '#protocol/errors/app-error.ts';

/** One assignment of `--set`: where, and the text behind the equals sign. */
export interface Assignment {
  readonly path: readonly (string | number)[];
  readonly value: unknown;
}

/** How the text behind an equals sign is understood: as YAML would (`set`), always as text, or as JSON. */
export type SetKind = 'set' | 'set-string' | 'set-json';

/** Helm's limit: a slip of the keyboard must not make a list of millions. */
const maxIndex = 65_536;

/**
 * Reads what Helm's `--set`, `--set-string` and `--set-json` take: `a.b=1,c[0].d=x,list={1,2},with\.dot=y,text=one\,two`.
 *
 * @throws AppError `install.values-invalid` for anything else.
 */
export function parseSetExpression(kind: SetKind, expression: string): readonly Assignment[] {
  const scanner = new Scanner(kind, expression);
  const whole = kind === 'set-json' && expression.trimStart().startsWith('{') ? parseJson(scanner, expression) : undefined;
  if (whole !== undefined)
    return Object.entries(whole as Record<string, unknown>).map(([key, value]) => ({ path: [key], value }));
  const assignments: Assignment[] = [];
  while (!scanner.isAtEnd) {
    const path = scanner.path();
    assignments.push({ path, value: kind === 'set-json' ? scanner.json() : scanner.value() });
    if (!scanner.isAtEnd) scanner.expect(',');
  }
  return assignments;
}

/** Reads the key of `--set-file key=path`, whose value is the file's text. */
export function parseSetFileKey(expression: string): Assignment['path'] {
  return new Scanner('set-file', expression).path();
}

class Scanner {
  readonly #kind: SetKind | 'set-file';
  readonly #text: string;
  #at = 0;

  constructor(kind: SetKind | 'set-file', text: string) {
    this.#kind = kind;
    this.#text = text;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  expect(mark: string): void {
    if (this.#text[this.#at] !== mark) throw this.unfit(`expected "${mark}" at position ${this.#at + 1}`);
    this.#at += 1;
  }

  /** A key up to and including its equals sign. */
  path(): readonly (string | number)[] {
    const path: (string | number)[] = [];
    for (;;) {
      const key = this.#until('=.[,');
      if (key === '') throw this.unfit(`a key is missing at position ${this.#at + 1}`);
      path.push(key);
      while (this.#text[this.#at] === '[') path.push(this.#index());
      const mark = this.#text[this.#at];
      if (mark !== '=' && mark !== '.') throw this.unfit(`key "${path.join('.')}" has no value`);
      this.#at += 1;
      if (mark === '=') return path;
    }
  }

  value(): unknown {
    if (this.#text[this.#at] !== '{') return this.#typed(this.#until(','));
    this.#at += 1;
    const list: unknown[] = [];
    if (this.#text[this.#at] === '}') this.#at += 1;
    else {
      for (;;) {
        list.push(this.#typed(this.#until(',}')));
        if (this.isAtEnd) throw this.unfit('a list has no closing brace');
        this.#at += 1;
        if (this.#text[this.#at - 1] === '}') break;
      }
    }
    return list;
  }

  /** The longest text that is JSON and ends before a comma or the end. */
  json(): unknown {
    const rest = this.#text.slice(this.#at);
    const ends = [...rest.matchAll(/,/g)].map((match) => match.index);
    for (const end of [...ends, rest.length]) {
      try {
        const value: unknown = JSON.parse(rest.slice(0, end));
        this.#at += end;
        return value;
      } catch {
        // A comma within the value: try the next one.
      }
    }
    throw this.unfit(`${rest.slice(0, 60)} is not JSON`);
  }

  unfit(reason: string): AppError {
    return new AppError({
      code: 'install.values-invalid',
      message: `--${this.#kind} ${this.#text} cannot be understood`,
      reason,
    });
  }

  #index(): number {
    const match = /^\[([0-9]+)\]/.exec(this.#text.slice(this.#at));
    const index = Number(match?.[1]);
    if (match === null || index > maxIndex) throw this.unfit(`expected an index such as [0] at position ${this.#at + 1}`);
    this.#at += match[0].length;
    return index;
  }

  /** Text up to one of the marks; a backslash takes the meaning from the next character. */
  #until(marks: string): string {
    let text = '';
    while (!this.isAtEnd) {
      const letter = this.#text[this.#at] ?? '';
      if (letter === '\\' && this.#at + 1 < this.#text.length) {
        text += this.#text[this.#at + 1] ?? '';
        this.#at += 2;
        continue;
      }
      if (marks.includes(letter)) break;
      text += letter;
      this.#at += 1;
    }
    return text;
  }

  #typed(text: string): unknown {
    if (this.#kind === 'set-string') return text;
    if (text === 'true') return true;
    if (text === 'false') return false;
    if (text === 'null') return null;
    // A leading zero makes it an identifier, not a number.
    return /^(0|-?[1-9][0-9]*)$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : text;
  }
}

function parseJson(scanner: Scanner, expression: string): unknown {
  try {
    return JSON.parse(expression);
  } catch {
    throw scanner.unfit('it is not JSON');
  }
}
