import { Spotlight } from '@mantine/spotlight';
import { IconSearch } from '@tabler/icons-react';
import { useMemo, useState } from 'react';
import { callDaemon } from '../api/daemon-session.ts';
import { disconnect, inBackground, pauseConnection, resumeConnection } from '../domain/connection-actions.ts';
import { isLive } from '../domain/connection-view.ts';
import { useCurrentConnection } from '../domain/current-connection.ts';
import { leaveUnlessUndone } from '../domain/leave-engagement.ts';
import { selectEngagements, useMirror } from '../stores/mirror.ts';
import { openPlace } from '../stores/view.ts';
import { useWorkloads } from '../stores/workloads.ts';
import { texts } from '../texts/en.ts';
import { useShownPages } from './rail.tsx';

/** More would not be read. */
const maxWorkloads = 20;
const themes = ['system', 'light', 'dark', 'contrast'] as const;

/** Every page, every action and every workload by name. */
export function Palette() {
  const [query, setQuery] = useState('');
  const [isOpen, setOpen] = useState(false);
  const groups = usePaletteGroups(isOpen ? query : '');
  return (
    <Spotlight
      onSpotlightOpen={() => setOpen(true)}
      onSpotlightClose={() => setOpen(false)}
      actions={groups}
      query={query}
      onQueryChange={setQuery}
      // The groups are those that fit already: two thousand workloads are not looked at twice.
      filter={(_query, actions) => actions}
      shortcut="mod + K"
      // It works where one is typing, too.
      tagsToIgnore={[]}
      nothingFound={texts.shell.searchNothing}
      scrollable
      maxHeight={420}
      attributes={{ content: { 'aria-label': texts.shell.search } }}
      searchProps={{
        placeholder: texts.shell.search,
        'aria-label': texts.shell.search,
        leftSection: <IconSearch size={16} aria-hidden />,
      }}
    />
  );
}

interface Group {
  readonly group: string;
  actions: Entry[];
}

type Entry = { readonly id: string; readonly label: string; readonly description?: string; readonly onClick: () => void };

function usePaletteGroups(query: string): Group[] {
  const pages = useShownPages();
  const connection = useCurrentConnection();
  const engagements = useMirror(selectEngagements);
  const rows = useWorkloads((state) => state.rows);

  return useMemo(() => {
    const words = query
      .toLowerCase()
      .split(/\s+/)
      .filter((word) => word !== '');
    const fits = (text: string) => words.every((word) => text.toLowerCase().includes(word));
    const { shell } = texts;
    const pageEntries = pages.map(
      ({ page }): Entry => ({
        id: `page ${page}`,
        label: shell.goTo(shell.pages[page]),
        onClick: () => openPlace({ page }),
      }),
    );
    const actions: Entry[] = [];
    if (connection !== undefined && isLive(connection)) {
      if (connection.state.kind === 'paused') {
        actions.push({ id: 'resume', label: shell.resume, onClick: () => inBackground(resumeConnection(connection)) });
      } else {
        actions.push(
          { id: 'pause15', label: shell.pause15, onClick: () => inBackground(pauseConnection(connection, 15)) },
          { id: 'pause60', label: shell.pause60, onClick: () => inBackground(pauseConnection(connection, 60)) },
        );
      }
      actions.push({ id: 'disconnect', label: shell.disconnect, onClick: () => inBackground(disconnect(connection)) });
    } else {
      actions.push({ id: 'connect', label: shell.connect, onClick: () => openPlace({ page: 'connect' }) });
    }
    for (const engagement of Object.values(engagements)) {
      actions.push({
        id: `leave ${engagement.connection}/${engagement.name}`,
        label: shell.leave(engagement.name),
        onClick: () => leaveUnlessUndone(engagement),
      });
    }
    for (const theme of themes) {
      const change = () => inBackground(callDaemon('setPreferences', { change: { theme } }));
      actions.push({ id: `theme ${theme}`, label: shell.themes[theme], onClick: change });
    }
    const engagementEntries = Object.entries(engagements).map(
      ([key, { name, workload, namespace }]): Entry => ({
        id: `engagement ${key}`,
        label: name,
        description: `${workload} · ${namespace}`,
        onClick: () => openPlace({ page: 'engagements', engagement: key }),
      }),
    );
    const workloadEntries: Entry[] = [];
    // Until something is typed, a few of thousands would mean nothing.
    if (words.length > 0) {
      for (const { key, workload } of rows.values()) {
        if (workloadEntries.length === maxWorkloads) break;
        if (!fits(`${workload.name} ${workload.namespace} ${shell.interceptWorkload(workload.name)}`)) continue;
        workloadEntries.push({
          id: `workload ${key}`,
          label: shell.interceptWorkload(workload.name),
          description: `${workload.kind} · ${workload.namespace}`,
          onClick: () => openPlace({ page: 'intercept', workload: key }),
        });
      }
    }
    const group = (name: string, entries: readonly Entry[]): Group => ({
      group: name,
      actions: entries.filter(({ label, description = '' }) => fits(`${label} ${description}`)),
    });
    return [
      group(shell.paletteGroups.pages, pageEntries),
      group(shell.paletteGroups.engagements, engagementEntries),
      group(shell.paletteGroups.actions, actions),
      { group: shell.paletteGroups.workloads, actions: workloadEntries },
    ].filter(({ actions: entries }) => entries.length > 0);
  }, [query, pages, connection, engagements, rows]);
}
