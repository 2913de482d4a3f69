import { useMemo } from 'react';
import { canOpenPodShell } from '../domain/open-terminal.ts';
import { useMirror } from '../stores/mirror.ts';
import { openPlace } from '../stores/view.ts';
import { useWorkloads } from '../stores/workloads.ts';
import { texts } from '../texts/en.ts';
import { usePaletteActions } from './palette-actions.ts';
import { type PaletteEntry, workloadEntries } from './palette-entries.ts';
import { useShownPages } from './rail.tsx';

/** More would not be read. */
const maxWorkloadEntries = 60;

export interface PaletteGroup {
  readonly group: string;
  actions: PaletteEntry[];
}

/** What of all there is fits the words that were typed, in any order. */
export function usePaletteGroups(query: string): PaletteGroup[] {
  const pages = useShownPages();
  const { actions, engagements } = usePaletteActions();
  const rows = useWorkloads((state) => state.rows);
  const connection = useWorkloads((state) => state.connection);
  const canOpenShell = useMirror(canOpenPodShell);

  return useMemo(() => {
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const fits = ({ label, description = '' }: PaletteEntry) => {
      const text = `${label} ${description}`.toLowerCase();
      return words.every((word) => text.includes(word));
    };
    const { shell } = texts;
    const pageEntries = pages.map(
      ({ page }): PaletteEntry => ({
        id: `page ${page}`,
        label: shell.goTo(shell.pages[page]),
        onClick: () => openPlace({ page }),
      }),
    );
    const ofWorkloads: PaletteEntry[] = [];
    // Until something is typed, a few of thousands would mean nothing.
    if (words.length > 0) {
      for (const row of rows.values()) {
        if (ofWorkloads.length >= maxWorkloadEntries) break;
        ofWorkloads.push(...workloadEntries(row, connection, canOpenShell).filter(fits));
      }
    }
    return [
      { group: shell.paletteGroups.pages, actions: pageEntries.filter(fits) },
      { group: shell.paletteGroups.engagements, actions: engagements.filter(fits) },
      { group: shell.paletteGroups.actions, actions: actions.filter(fits) },
      { group: shell.paletteGroups.workloads, actions: ofWorkloads },
    ].filter(({ actions: entries }) => entries.length > 0);
  }, [query, pages, actions, engagements, rows, connection, canOpenShell]);
}
