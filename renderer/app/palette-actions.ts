import { useMemo } from 'react';
import { useShallow } from 'zustand/react/shallow';
import type { Capability } from '#protocol/local-api/model.ts';
import { callApp, useBridge } from '../api/app-bridge.ts';
import { callDaemon } from '../api/daemon-session.ts';
import { commandUse, doctorCommand, shellCommand } from '../domain/command-line.ts';
import { inBackground } from '../domain/connection-actions.ts';
import { exactly, isLive } from '../domain/connection-view.ts';
import { useCurrentConnection } from '../domain/current-connection.ts';
import { showNewTerminal } from '../domain/open-terminal.ts';
import { runDoctor } from '../features/diagnose/doctor-run.ts';
import { showLogExport } from '../features/logs/log-export.ts';
import { selectConnections, selectDaemon, selectEngagements, useMirror } from '../stores/mirror.ts';
import { changeWindowPrefs, useWindowPrefs } from '../stores/prefs.ts';
import { openPlace, showDock, useView } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { connectionEntries, engagementEntries, type PaletteEntry } from './palette-entries.ts';

const words = texts.shell;
const none: readonly Capability[] = [];
const themes = ['system', 'light', 'dark', 'contrast'] as const;

/** What can be done from anywhere, and the engagements to go to. */
export function usePaletteActions(): {
  readonly actions: readonly PaletteEntry[];
  readonly engagements: readonly PaletteEntry[];
} {
  const connection = useCurrentConnection();
  const connections = useMirror(useShallow((mirror) => Object.values(selectConnections(mirror))));
  const engagements = useMirror(selectEngagements);
  const capabilities = useMirror((mirror) => selectDaemon(mirror)?.capabilities ?? none);
  const windowEntries = useWindowEntries();
  return useMemo(() => {
    const live = isLive(connection) ? connection : undefined;
    const use = commandUse(live, connections.length);
    const actions: PaletteEntry[] = connectionEntries(connection, connections);
    for (const engagement of Object.values(engagements)) {
      actions.push(
        ...engagementEntries(engagement, commandUse({ name: engagement.connection }, connections.length), capabilities),
      );
    }
    if (capabilities.includes('terminal')) {
      actions.push({
        id: 'terminal',
        label: words.newTerminal,
        ...(live === undefined ? {} : { description: shellCommand(use) }),
        onClick: () => inBackground(showNewTerminal({ connection: live?.name })),
      });
    }
    actions.push(
      {
        id: 'export',
        label: words.exportLogs,
        onClick: () => {
          openPlace({ page: 'logs' });
          showLogExport(true);
        },
      },
      {
        id: 'checks',
        label: words.runChecks,
        description: doctorCommand(use),
        onClick: () => {
          openPlace({ page: 'diagnose' });
          void runDoctor(live === undefined ? undefined : exactly(live));
        },
      },
      ...windowEntries,
    );
    return {
      actions,
      engagements: Object.entries(engagements).map(([key, { name, workload, namespace }]) => ({
        id: `engagement ${key}`,
        label: name,
        description: `${workload} · ${namespace}`,
        onClick: () => openPlace({ page: 'engagements', engagement: key }),
      })),
    };
  }, [connection, connections, engagements, capabilities, windowEntries]);
}

/** What is about this window and the app. */
function useWindowEntries(): readonly PaletteEntry[] {
  const isCollapsed = useWindowPrefs((prefs) => prefs.isRailCollapsed);
  const hasDock = useView((view) => view.dockTabs.length > 0);
  const isDockOpen = useView((view) => view.isDockOpen);
  const isInApp = useBridge(({ port }) => port !== undefined);
  return useMemo(
    () => [
      {
        id: 'rail',
        label: isCollapsed ? words.expandRail : words.collapseRail,
        onClick: () => changeWindowPrefs({ isRailCollapsed: !isCollapsed }),
      },
      ...(hasDock
        ? [{ id: 'dock', label: isDockOpen ? words.closeDock : words.openDock, onClick: () => showDock(!isDockOpen) }]
        : []),
      ...themes.map((theme) => ({
        id: `theme ${theme}`,
        label: words.themes[theme],
        onClick: () => inBackground(callDaemon('setPreferences', { change: { theme } })),
      })),
      {
        id: 'welcome',
        label: words.showWelcome,
        onClick: () => inBackground(callDaemon('setPreferences', { change: { isWelcomed: false } })),
      },
      ...(isInApp ? [{ id: 'quit', label: words.quit, onClick: () => inBackground(callApp('quitApp', {})) }] : []),
    ],
    [isCollapsed, hasDock, isDockOpen, isInApp],
  );
}
