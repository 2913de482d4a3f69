import type { ComponentType } from 'react';
import type { DockTab } from '../stores/view.ts';
import { lazyPart } from './lazy-part.ts';

export interface DockPanelEntry {
  readonly Component: ComponentType<{ readonly tab: DockTab; readonly isShown: boolean }>;
}

/** What the tabs of the docked panel show, by their kind. A kind without an entry is not offered. */
export const dockPanels: Partial<Readonly<Record<DockTab['kind'], DockPanelEntry>>> = {
  terminal: {
    Component: lazyPart(async () => (await import('../features/terminal/terminal-panel.tsx')).TerminalPanel),
  },
  log: { Component: lazyPart(async () => (await import('../features/logs/log-panel.tsx')).LogPanel) },
};
