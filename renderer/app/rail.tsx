import { ActionIcon, Tooltip } from '@mantine/core';
import { IconLayoutSidebarLeftCollapse, IconLayoutSidebarLeftExpand } from '@tabler/icons-react';
import { selectDaemon, selectEngagements, useMirror } from '../stores/mirror.ts';
import { changeWindowPrefs, useWindowPrefs } from '../stores/prefs.ts';
import { openPlace, type PageName } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { type PageEntry, pages } from './pages.ts';

/** The left rail: the pages of what this daemon can do. */
export function Rail({ current }: { readonly current: PageName | undefined }) {
  const isCollapsed = useWindowPrefs((prefs) => prefs.isRailCollapsed);
  const engagementCount = useMirror((mirror) => Object.keys(selectEngagements(mirror)).length);
  const shown = useShownPages();
  const label = isCollapsed ? texts.shell.expandRail : texts.shell.collapseRail;
  return (
    <nav className="app-rail" aria-label={texts.shell.railLabel} data-collapsed={isCollapsed}>
      <ul>
        {shown.map(({ page, Icon }) => (
          <li key={page}>
            <Tooltip label={texts.shell.pages[page]} position="right" disabled={!isCollapsed}>
              <button
                type="button"
                className="app-rail-item"
                aria-label={isCollapsed ? texts.shell.pages[page] : undefined}
                aria-current={isCurrent(page, current) ? 'page' : undefined}
                onClick={() => openPlace({ page })}
              >
                <Icon size={18} stroke={1.7} aria-hidden />
                {!isCollapsed && <span>{texts.shell.pages[page]}</span>}
                {page === 'engagements' && engagementCount > 0 && !isCollapsed && (
                  <span className="app-rail-count tp-number">{engagementCount}</span>
                )}
              </button>
            </Tooltip>
          </li>
        ))}
      </ul>
      <ActionIcon aria-label={label} title={label} onClick={() => changeWindowPrefs({ isRailCollapsed: !isCollapsed })}>
        {isCollapsed ? (
          <IconLayoutSidebarLeftExpand size={18} aria-hidden />
        ) : (
          <IconLayoutSidebarLeftCollapse size={18} aria-hidden />
        )}
      </ActionIcon>
    </nav>
  );
}

/** Pages of the rail that this daemon has what it takes for. */
export function useShownPages(): readonly PageEntry[] {
  const daemon = useMirror(selectDaemon);
  return pages.filter(
    ({ isInRail, needs }) => isInRail && (needs === undefined || daemon?.capabilities.includes(needs) === true),
  );
}

/** The wizard is a place within the workloads. */
function isCurrent(page: PageName, current: PageName | undefined): boolean {
  return page === current || (page === 'workloads' && current === 'intercept');
}
