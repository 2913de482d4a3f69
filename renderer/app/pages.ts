import {
  IconActivityHeartbeat,
  IconArrowsExchange,
  IconBoxMultiple,
  IconFileText,
  IconPlugConnected,
  IconSettings,
  IconStethoscope,
  IconTerminal2,
  type TablerIcon,
} from '@tabler/icons-react';
import { type ComponentType, type LazyExoticComponent, lazy } from 'react';
import type { Capability } from '#protocol/local-api/model.ts';
import type { PageName } from '../stores/view.ts';

export interface PageEntry {
  readonly page: PageName;
  readonly Icon: TablerIcon;
  readonly Component: LazyExoticComponent<ComponentType>;
  /** The others are reached from one of these. */
  readonly isInRail: boolean;
  /** What the daemon must be able to do for it. */
  readonly needs?: Capability;
}

/** Every page of the window, in the order of the rail. Each is loaded when it is first shown. */
export const pages: readonly PageEntry[] = [
  {
    page: 'connect',
    Icon: IconPlugConnected,
    Component: lazy(async () => ({ default: (await import('../features/connect/connect-page.tsx')).ConnectPage })),
    isInRail: true,
  },
  {
    page: 'workloads',
    Icon: IconBoxMultiple,
    Component: lazy(async () => ({ default: (await import('../features/workloads/workloads-page.tsx')).WorkloadsPage })),
    isInRail: true,
  },
  {
    page: 'engagements',
    Icon: IconArrowsExchange,
    Component: lazy(async () => ({ default: (await import('../features/engagements/engagements-page.tsx')).EngagementsPage })),
    isInRail: true,
  },
  {
    page: 'terminal',
    Icon: IconTerminal2,
    Component: lazy(async () => ({ default: (await import('../features/terminal/terminal-page.tsx')).TerminalPage })),
    isInRail: true,
    needs: 'terminal',
  },
  {
    page: 'logs',
    Icon: IconFileText,
    Component: lazy(async () => ({ default: (await import('../features/logs/logs-page.tsx')).LogsPage })),
    isInRail: true,
  },
  {
    page: 'diagnose',
    Icon: IconStethoscope,
    Component: lazy(async () => ({ default: (await import('../features/diagnose/diagnose-page.tsx')).DiagnosePage })),
    isInRail: true,
  },
  {
    page: 'settings',
    Icon: IconSettings,
    Component: lazy(async () => ({ default: (await import('../features/settings/settings-page.tsx')).SettingsPage })),
    isInRail: true,
  },
  {
    page: 'intercept',
    Icon: IconActivityHeartbeat,
    Component: lazy(async () => ({ default: (await import('../features/intercept/intercept-page.tsx')).InterceptPage })),
    isInRail: false,
  },
];
