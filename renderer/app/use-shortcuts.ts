import { useEffect } from 'react';
import { openPlace } from '../stores/view.ts';
import { useShownPages } from './rail.tsx';

/** Ctrl/Cmd+1…9: the pages of the rail, in their order. The palette has a shortcut of its own. */
export function useShortcuts(): void {
  const shown = useShownPages();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      const entry = /^[1-9]$/.test(event.key) ? shown[Number(event.key) - 1] : undefined;
      if (entry === undefined) return;
      event.preventDefault();
      openPlace({ page: entry.page });
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, [shown]);
}
