import type { ITheme } from '@xterm/xterm';

const light = {
  black: '#1a2130',
  red: '#b3261e',
  green: '#17703c',
  yellow: '#8a5300',
  blue: '#1f5fbf',
  magenta: '#8b3fa8',
  cyan: '#0b6a86',
  white: '#566072',
  brightBlack: '#566072',
  brightRed: '#c2362d',
  brightGreen: '#1c7f46',
  brightYellow: '#986000',
  brightBlue: '#2b6cd4',
  brightMagenta: '#9c4fb9',
  brightCyan: '#137a99',
  brightWhite: '#1a2130',
} as const satisfies ITheme;

const dark = {
  black: '#2d333e',
  red: '#ff9a90',
  green: '#6fd08c',
  yellow: '#f0b95c',
  blue: '#8ab8ff',
  magenta: '#dca3f2',
  cyan: '#7fd1e6',
  white: '#d5dae2',
  brightBlack: '#a0a9b8',
  brightRed: '#ffb4ac',
  brightGreen: '#92e0a9',
  brightYellow: '#ffd58a',
  brightBlue: '#adceff',
  brightMagenta: '#e8bff7',
  brightCyan: '#a8e3f2',
  brightWhite: '#ffffff',
} as const satisfies ITheme;

/** Highlights of the search take no other colour form than six digits. */
export interface TerminalColors {
  readonly theme: ITheme;
  readonly match: string;
  readonly activeMatch: string;
  /** Colours that a program chose are moved away from the background until they have that much contrast. */
  readonly minimumContrastRatio: number;
}

/** The colours of the window as it is now. */
export function currentColors(): TerminalColors {
  const root = document.documentElement;
  const isDark = root.dataset['mantineColorScheme'] === 'dark';
  const style = getComputedStyle(root);
  const color = (name: string) => style.getPropertyValue(name).trim();
  const accent = color('--tp-accent');
  return {
    theme: {
      ...(isDark ? dark : light),
      background: color('--tp-surface'),
      foreground: color('--tp-ink'),
      cursor: accent,
      cursorAccent: color('--tp-surface'),
      selectionBackground: isDark ? '#2f5a6b' : '#b9dfeb',
    },
    match: isDark ? '#5a4716' : '#ffe08a',
    activeMatch: isDark ? '#8a6a12' : '#ffb938',
    minimumContrastRatio: root.dataset['contrast'] === 'more' ? 7 : 4.5,
  };
}

/** Calls back when the window's colours change; returns what ends that. */
export function onColorsChanged(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributeFilter: ['data-mantine-color-scheme', 'data-contrast'] });
  return () => observer.disconnect();
}
