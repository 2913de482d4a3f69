import { create } from 'zustand';
import { persist } from 'zustand/middleware';

/** How this window looks. Choices about the app are the daemon's preferences. */
interface WindowPrefs {
  readonly isRailCollapsed: boolean;
  readonly dockHeight: number;
  readonly hiddenColumns: readonly string[];
}

export const useWindowPrefs = create<WindowPrefs>()(
  persist((): WindowPrefs => ({ isRailCollapsed: false, dockHeight: 260, hiddenColumns: ['images', 'age'] }), {
    name: 'telepresence-window',
    version: 1,
  }),
);

export function changeWindowPrefs(change: Partial<WindowPrefs>): void {
  useWindowPrefs.setState(change);
}
