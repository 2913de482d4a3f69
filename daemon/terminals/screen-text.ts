import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IBuffer, IBufferCell, IBufferLine, IModes, Terminal } from '@xterm/headless';

/** Private modes that the terminal does not tell of by itself: cursor shown, and how the mouse is reported. */
export const trackedModes = [25, 1005, 1006, 1015, 1016] as const;

/** Beyond this the oldest lines are left out: it is one message, and a client with 4 MiB to read is taken for one that does not read. */
const maxCharacters = 1024 * 1024;

/** Between two turns for others. A line of 80 columns takes some 10 µs. */
const linesPerTurn = 400;

/**
 * What is on the screen and above it as text with escape sequences: written into a fresh terminal of the same size, it makes the same
 * picture. Nothing may be written into the terminal meanwhile.
 *
 * `modes`: those of `trackedModes` that differ from a fresh terminal, as `25l`, `1006h`.
 */
export async function screenText(terminal: Terminal, modes: Iterable<string>): Promise<string> {
  const { normal, active } = terminal.buffer;
  let text = await linesText(normal, terminal.cols);
  text += moveTo(normal, terminal.cols);
  if (active.type === 'alternate')
    text += `\x1b[?1049h\x1b[H${await linesText(active, terminal.cols)}${moveTo(active, terminal.cols)}`;
  text += modeText(terminal.modes);
  for (const mode of modes) text += `\x1b[?${mode}`;
  return text;
}

async function linesText(buffer: IBuffer, columns: number): Promise<string> {
  const writer = new LineWriter(buffer.getNullCell(), columns);
  const lines: string[] = [];
  for (let y = 0; y < buffer.length; y += 1) {
    const line = buffer.getLine(y);
    if (line === undefined) continue;
    const continues = buffer.getLine(y + 1)?.isWrapped === true;
    lines.push(writer.text(line, continues) + (continues || y === buffer.length - 1 ? '' : '\r\n'));
    if (y % linesPerTurn === linesPerTurn - 1) await nextTurn();
  }
  let size = 0;
  let first = lines.length;
  while (first > 0 && size + (lines[first - 1] ?? '').length <= maxCharacters) {
    first -= 1;
    size += (lines[first] ?? '').length;
  }
  return lines.slice(first).join('');
}

/** Lines with their colours, each of which begins and ends without any. */
class LineWriter {
  readonly #cell: IBufferCell;
  readonly #columns: number;

  constructor(cell: IBufferCell, columns: number) {
    this.#cell = cell;
    this.#columns = columns;
  }

  /** `isWhole`: up to the last column, so that the text goes on in the next line by itself. */
  text(line: IBufferLine, isWhole: boolean): string {
    let text = '';
    let style = '';
    let blanks = 0;
    for (let x = 0; x < this.#columns; x += 1) {
      const cell = line.getCell(x, this.#cell);
      // The second half of a wide character.
      if (cell === undefined || cell.getWidth() === 0) continue;
      const characters = cell.getChars();
      const wanted = cell.isAttributeDefault() ? '' : styleOf(cell);
      if (characters === '' && wanted === '') {
        blanks += 1;
        continue;
      }
      if (blanks > 0) {
        text += (style === '' ? '' : '\x1b[m') + ' '.repeat(blanks);
        style = '';
        blanks = 0;
      }
      if (wanted !== style) text += `\x1b[${wanted === '' ? '' : `0;${wanted}`}m`;
      style = wanted;
      text += characters === '' ? ' ' : characters;
    }
    if (style !== '') text += '\x1b[m';
    return isWhole ? text + ' '.repeat(blanks) : text;
  }
}

function styleOf(cell: IBufferCell): string {
  const codes: string[] = [];
  if (cell.isBold() !== 0) codes.push('1');
  if (cell.isDim() !== 0) codes.push('2');
  if (cell.isItalic() !== 0) codes.push('3');
  if (cell.isUnderline() !== 0) codes.push('4');
  if (cell.isBlink() !== 0) codes.push('5');
  if (cell.isInverse() !== 0) codes.push('7');
  if (cell.isInvisible() !== 0) codes.push('8');
  if (cell.isStrikethrough() !== 0) codes.push('9');
  if (cell.isOverline() !== 0) codes.push('53');
  if (cell.isFgRGB()) codes.push(`38;2;${rgb(cell.getFgColor())}`);
  else if (cell.isFgPalette()) codes.push(palette(cell.getFgColor(), 30));
  if (cell.isBgRGB()) codes.push(`48;2;${rgb(cell.getBgColor())}`);
  else if (cell.isBgPalette()) codes.push(palette(cell.getBgColor(), 40));
  return codes.join(';');
}

function rgb(color: number): string {
  return `${(color >> 16) & 255};${(color >> 8) & 255};${color & 255}`;
}

/** 0–7 plain, 8–15 bright, the others by number. */
function palette(color: number, base: 30 | 40): string {
  if (color < 8) return String(base + color);
  return color < 16 ? String(base + 60 + color - 8) : `${base + 8};5;${color}`;
}

function moveTo(buffer: IBuffer, columns: number): string {
  return `\x1b[${buffer.cursorY + 1};${Math.min(buffer.cursorX, columns - 1) + 1}H`;
}

const mouseModes = { none: '', x10: '9', vt200: '1000', drag: '1002', any: '1003' } as const;

function modeText(modes: IModes): string {
  const mouse = mouseModes[modes.mouseTrackingMode];
  return [
    modes.applicationCursorKeysMode ? '\x1b[?1h' : '',
    modes.applicationKeypadMode ? '\x1b=' : '',
    modes.bracketedPasteMode ? '\x1b[?2004h' : '',
    modes.insertMode ? '\x1b[4h' : '',
    modes.sendFocusMode ? '\x1b[?1004h' : '',
    modes.wraparoundMode ? '' : '\x1b[?7l',
    mouse === '' ? '' : `\x1b[?${mouse}h`,
  ].join('');
}
