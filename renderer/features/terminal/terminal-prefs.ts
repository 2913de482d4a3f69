import { create } from 'zustand';
import { persist } from 'zustand/middleware';

/** How terminals look in this window. */
interface TerminalPrefs {
  readonly fontSize: number;
  /** Keeps a copy of the screen as text for screen readers, which costs time when a program prints a lot. */
  readonly isForScreenReader: boolean;
}

const minFontSize = 9;
const maxFontSize = 24;

export const useTerminalPrefs = create<TerminalPrefs>()(
  persist((): TerminalPrefs => ({ fontSize: 13, isForScreenReader: false }), { name: 'telepresence-terminal', version: 1 }),
);

export function changeFontSize(by: number): void {
  useTerminalPrefs.setState(({ fontSize }) => ({ fontSize: Math.min(Math.max(fontSize + by, minFontSize), maxFontSize) }));
}

export function setScreenReader(isForScreenReader: boolean): void {
  useTerminalPrefs.setState({ isForScreenReader });
}
