import {
  IconActivity,
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
import type { ComponentType } from 'react';
import type { Capability } from '#protocol/local-api/model.ts';
import type { PageName } from '../stores/view.ts';
import { lazyPart } from './lazy-part.ts';

export interface PageEntry {
  readonly page: PageName;
  readonly Icon: TablerIcon;
  readonly Component: ComponentType;
  /** The others are reached from one of these. */
  readonly isInRail: boolean;
  /** What the daemon must be able to do for it. */
  readonly needs?: Capability;
}

/** Every page of the window, in the order of the rail. Each is loaded when it is first shown, if not before. */
export const pages: readonly PageEntry[] = [
  {
    page: 'connect',
    Icon: IconPlugConnected,
    Component: lazyPart(async () => (await import('../features/connect/connect-page.tsx')).ConnectPage),
    isInRail: true,
  },
  {
    page: 'workloads',
    Icon: IconBoxMultiple,
    Component: lazyPart(async () => (await import('../features/workloads/workloads-page.tsx')).WorkloadsPage),
    isInRail: true,
  },
  {
    page: 'engagements',
    Icon: IconArrowsExchange,
    Component: lazyPart(async () => (await import('../features/engagements/engagements-page.tsx')).EngagementsPage),
    isInRail: true,
  },
  {
    page: 'traffic',
    Icon: IconActivity,
    Component: lazyPart(async () => (await import('../features/traffic/traffic-page.tsx')).TrafficPage),
    isInRail: true,
    needs: 'traffic',
  },
  {
    page: 'terminal',
    Icon: IconTerminal2,
    Component: lazyPart(async () => (await import('../features/terminal/terminal-page.tsx')).TerminalPage),
    isInRail: true,
    needs: 'terminal',
  },
  {
    page: 'logs',
    Icon: IconFileText,
    Component: lazyPart(async () => (await import('../features/logs/logs-page.tsx')).LogsPage),
    isInRail: true,
  },
  {
    page: 'diagnose',
    Icon: IconStethoscope,
    Component: lazyPart(async () => (await import('../features/diagnose/diagnose-page.tsx')).DiagnosePage),
    isInRail: true,
  },
  {
    page: 'settings',
    Icon: IconSettings,
    Component: lazyPart(async () => (await import('../features/settings/settings-page.tsx')).SettingsPage),
    isInRail: true,
  },
  {
    page: 'intercept',
    Icon: IconActivityHeartbeat,
    Component: lazyPart(async () => (await import('../features/intercept/intercept-page.tsx')).InterceptPage),
    isInRail: false,
  },
];
