import { ActionIcon } from '@mantine/core';
import { IconChevronDown, IconX } from '@tabler/icons-react';
import { Suspense } from 'react';
import { changeWindowPrefs, useWindowPrefs } from '../stores/prefs.ts';
import { closeDockTab, type DockTab, showDock, useView } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { Loading } from '../ui/page.tsx';
import { dockPanels } from './dock-panels.ts';
import { useDockTabName } from './dock-tab-name.ts';

const minHeight = 120;
const stepHeight = 24;

/** Logs and terminals beside the page, each linked to what it belongs to. Navigation never takes them away. */
export function Dock() {
  const tabs = useView((view) => view.dockTabs);
  const current = useView((view) => view.dockTab);
  const isOpen = useView((view) => view.isDockOpen);
  const height = useWindowPrefs((prefs) => prefs.dockHeight);
  if (tabs.length === 0) return null;
  const resize = (wanted: number) =>
    changeWindowPrefs({ dockHeight: Math.round(Math.min(Math.max(wanted, minHeight), window.innerHeight * 0.7)) });
  return (
    <section className="app-dock" aria-label={texts.shell.dock} style={{ height: isOpen ? height : 0 }} hidden={!isOpen}>
      <div
        className="app-dock-handle"
        role="separator"
        aria-orientation="horizontal"
        aria-label={texts.shell.resizeDock}
        aria-valuenow={height}
        tabIndex={0}
        onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
        onPointerMove={(event) => {
          if (event.currentTarget.hasPointerCapture(event.pointerId)) resize(height - event.movementY);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowUp') resize(height + stepHeight);
          if (event.key === 'ArrowDown') resize(height - stepHeight);
        }}
      />
      <div className="app-dock-bar">
        <div className="app-dock-tabs">
          {tabs.map((tab) => (
            <Tab key={tab.id} tab={tab} isCurrent={tab.id === current} />
          ))}
        </div>
        <ActionIcon size={24} aria-label={texts.shell.closeDock} onClick={() => showDock(false)}>
          <IconChevronDown size={16} aria-hidden />
        </ActionIcon>
      </div>
      {/* Hidden ones stay: what they show must not start anew. */}
      {tabs.map((tab) => (
        <div key={tab.id} className="app-dock-panel" hidden={tab.id !== current}>
          <Panel tab={tab} isShown={isOpen && tab.id === current} />
        </div>
      ))}
    </section>
  );
}

function Tab({ tab, isCurrent }: { readonly tab: DockTab; readonly isCurrent: boolean }) {
  const name = useDockTabName(tab);
  return (
    <span className="app-dock-tab" data-current={isCurrent}>
      <button type="button" aria-pressed={isCurrent} onClick={() => useView.setState({ dockTab: tab.id })}>
        {name}
      </button>
      <ActionIcon size={20} aria-label={texts.shell.closeTab(name)} onClick={() => closeDockTab(tab.id)}>
        <IconX size={13} aria-hidden />
      </ActionIcon>
    </span>
  );
}

function Panel({ tab, isShown }: { readonly tab: DockTab; readonly isShown: boolean }) {
  const entry = dockPanels[tab.kind];
  if (entry === undefined) return null;
  return (
    <Suspense fallback={<Loading label={texts.shell.loading} />}>
      <entry.Component tab={tab} isShown={isShown} />
    </Suspense>
  );
}
