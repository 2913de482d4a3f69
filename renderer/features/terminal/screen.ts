import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { currentColors, onColorsChanged } from './terminal-colors.ts';

const scrollback = 10_000;
/** The daemon takes nothing smaller. */
const minColumns = 2;
const minRows = 1;

export interface ScreenOptions {
  readonly fontSize: number;
  readonly isForScreenReader: boolean;
  onInput(data: string): void;
  onLink(url: string): void;
  /** Returns whether the key was the window's: it does not reach the program then. */
  onKey(event: KeyboardEvent): boolean;
  /** `index` -1: too many to count them. */
  onMatches(index: number, count: number): void;
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What a terminal's program draws on, in an element of the page. */
export interface Screen {
  readonly terminal: Terminal;
  /** The size that the element has room for; undefined while it is not shown. */
  fittingSize(): ScreenSize | undefined;
  findNext(text: string): void;
  findPrevious(text: string): void;
  /** As it is typed: stays where it is as long as that fits. */
  find(text: string): void;
  endSearch(): void;
  setFontSize(size: number): void;
  setScreenReader(isOn: boolean): void;
  dispose(): void;
}

export function createScreen(element: HTMLElement, options: ScreenOptions): Screen {
  let colors = currentColors();
  const terminal = new Terminal({
    scrollback,
    fontSize: options.fontSize,
    fontFamily: getComputedStyle(document.documentElement).getPropertyValue('--mantine-font-family-monospace').trim(),
    theme: colors.theme,
    minimumContrastRatio: colors.minimumContrastRatio,
    screenReaderMode: options.isForScreenReader,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    // What the search draws its highlights with.
    allowProposedApi: true,
  });
  const fit = new FitAddon();
  const search = new SearchAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(search);
  terminal.loadAddon(new WebLinksAddon((_event, url) => options.onLink(url)));
  terminal.open(element);
  terminal.onData(options.onInput);
  terminal.onBinary(options.onInput);
  terminal.attachCustomKeyEventHandler((event) => !(event.type === 'keydown' && options.onKey(event)));
  search.onDidChangeResults(({ resultIndex, resultCount }) => options.onMatches(resultIndex, resultCount));
  const endColors = onColorsChanged(() => {
    colors = currentColors();
    terminal.options.theme = colors.theme;
    terminal.options.minimumContrastRatio = colors.minimumContrastRatio;
  });
  let isDisposed = false;
  void drawFast(terminal, () => isDisposed);
  const searchOptions = (incremental: boolean) => ({
    incremental,
    decorations: {
      matchBackground: colors.match,
      matchOverviewRuler: colors.match,
      activeMatchBackground: colors.activeMatch,
      activeMatchColorOverviewRuler: colors.activeMatch,
    },
  });
  return {
    terminal,
    fittingSize() {
      const size = element.offsetParent === null ? undefined : fit.proposeDimensions();
      if (size === undefined || Number.isNaN(size.cols) || Number.isNaN(size.rows)) return undefined;
      return { columns: Math.min(Math.max(size.cols, minColumns), 1_000), rows: Math.min(Math.max(size.rows, minRows), 1_000) };
    },
    findNext: (text) => void search.findNext(text, searchOptions(false)),
    findPrevious: (text) => void search.findPrevious(text, searchOptions(false)),
    find(text) {
      if (text === '') search.clearDecorations();
      else search.findNext(text, searchOptions(true));
    },
    endSearch() {
      search.clearDecorations();
      terminal.clearSelection();
    },
    setFontSize: (size) => {
      terminal.options.fontSize = size;
    },
    setScreenReader: (isOn) => {
      terminal.options.screenReaderMode = isOn;
    },
    dispose() {
      isDisposed = true;
      endColors();
      terminal.dispose();
    },
  };
}

/** By the graphics processor where there is one that works. Without, or when it is taken away, the page's own elements do. */
async function drawFast(terminal: Terminal, isDisposed: () => boolean): Promise<void> {
  if (!hasGraphics()) return;
  const { WebglAddon } = await import('@xterm/addon-webgl');
  if (isDisposed()) return;
  try {
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    terminal.loadAddon(webgl);
  } catch {
    // Drivers refuse for reasons of their own; what draws now goes on.
  }
}

/** One that the processor only imitates is slower than elements of the page, and not every browser says so by the caveat. */
function hasGraphics(): boolean {
  const context = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (context === null) return false;
  const named = context.getExtension('WEBGL_debug_renderer_info');
  const renderer = String(context.getParameter(named?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return !/swiftshader|llvmpipe|software/i.test(renderer);
}
