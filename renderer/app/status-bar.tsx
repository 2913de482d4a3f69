import { useCurrentConnection } from '../domain/current-connection.ts';
import { problemsOf } from '../domain/health-view.ts';
import { selectDaemon, selectEngagements, selectHealth, useMirror } from '../stores/mirror.ts';
import { openPlace, showDock, useView } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { State } from '../ui/shape.tsx';
import { ConnectionMenu } from './connection-menu.tsx';
import { TaskList } from './task-list.tsx';
import { useIsDaemonEnded } from './use-is-daemon-ended.ts';

/** The truth at a glance, on every page. */
export function StatusBar() {
  const connection = useCurrentConnection();
  const engagementCount = useMirror((mirror) => Object.keys(selectEngagements(mirror)).length);
  const problemCount = useMirror((mirror) => problemsOf(selectHealth(mirror)).length);
  const daemon = useMirror(selectDaemon);
  const isLost = useMirror(({ link }) => link === 'lost');
  const isEnded = useIsDaemonEnded();
  const tabCount = useView((view) => view.dockTabs.length);
  const isDockOpen = useView((view) => view.isDockOpen);
  const isOff = connection === undefined || connection.state.kind === 'off';
  return (
    <footer className="app-status" aria-label={texts.shell.statusLabel}>
      {isEnded ? (
        <span className="app-status-item">
          <State shape="hollow" tone="dim">
            {texts.shell.states.off}: {texts.shell.endedTitle}
          </State>
        </span>
      ) : isLost ? (
        <span className="app-status-item">
          <State shape="triangle" tone="bad">
            {texts.shell.states.trouble}: {texts.shell.lostTitle}
          </State>
        </span>
      ) : (
        <ConnectionMenu connection={connection} />
      )}
      {!isOff && (
        <>
          <button
            type="button"
            className="app-status-item tp-cut"
            title={texts.shell.context}
            onClick={() => openPlace({ page: 'connect' })}
          >
            <span className="tp-hidden">{texts.shell.context}: </span>
            {connection.context}
          </button>
          <button
            type="button"
            className="app-status-item tp-cut"
            title={texts.shell.namespace}
            onClick={() => openPlace({ page: 'workloads' })}
          >
            <span className="tp-hidden">{texts.shell.namespace}: </span>
            {connection.namespace}
          </button>
        </>
      )}
      <button type="button" className="app-status-item tp-number" onClick={() => openPlace({ page: 'engagements' })}>
        {texts.shell.engagementCount(engagementCount)}
      </button>
      <span className="app-status-gap" />
      <TaskList />
      {tabCount > 0 && (
        <button type="button" className="app-status-item" aria-expanded={isDockOpen} onClick={() => showDock(!isDockOpen)}>
          {isDockOpen ? texts.shell.closeDock : texts.shell.openDock}
        </button>
      )}
      <span className="app-status-item" role="status">
        {problemCount === 0 ? (
          <State shape="check" tone="good">
            {texts.shell.healthy}
          </State>
        ) : (
          <State shape="triangle" tone="warn">
            {texts.shell.problemCount(problemCount)}
          </State>
        )}
      </span>
      {daemon !== undefined && (
        <span
          className="app-status-item tp-dim tp-number"
          title={connection?.manager === undefined ? undefined : texts.shell.managerVersion(connection.manager.version)}
        >
          {daemon.version}
          {connection?.manager === undefined ? '' : ` · ${connection.manager.version}`}
        </span>
      )}
    </footer>
  );
}
