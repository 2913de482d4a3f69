import { Button, Popover } from '@mantine/core';
import type { Task } from '#protocol/local-api/model.ts';
import { callDaemon } from '../api/daemon-session.ts';
import { inBackground } from '../domain/connection-actions.ts';
import { ErrorNotice } from '../domain/error-notice.tsx';
import { selectTasks, useMirror } from '../stores/mirror.ts';
import { showTaskList, useView } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { type Shape, State, type Tone } from '../ui/shape.tsx';

/** Long work: how much of it runs, and by a click which, at what step, with a way to end it. */
export function TaskList() {
  const tasks = useMirror(selectTasks);
  const isOpen = useView((view) => view.isTaskListOpen);
  const all = Object.values(tasks).toSorted((a, b) => b.startedAt.localeCompare(a.startedAt));
  const running = all.filter(({ state }) => state === 'running');
  const [latest] = running;
  return (
    <Popover opened={isOpen} onChange={showTaskList} position="top-end" shadow="md" withinPortal trapFocus>
      <Popover.Target>
        <button type="button" className="app-status-item" aria-expanded={isOpen} onClick={() => showTaskList(!isOpen)}>
          {latest === undefined ? (
            <span className="tp-dim">{texts.shell.noTasks}</span>
          ) : (
            <>
              <progress className="app-progress" aria-hidden />
              <span className="tp-hidden">
                {texts.shell.tasks}: {texts.shell.taskCount(running.length)}.
              </span>
              <span className="tp-cut app-task-stage">
                {latest.title}: {latest.stage}
              </span>
            </>
          )}
        </button>
      </Popover.Target>
      <Popover.Dropdown className="app-tasks" aria-label={texts.shell.tasks}>
        {all.length === 0 && <p className="tp-dim">{texts.shell.taskListEmpty}</p>}
        <ul>
          {all.map((task) => (
            <TaskLine key={task.id} task={task} />
          ))}
        </ul>
      </Popover.Dropdown>
    </Popover>
  );
}

function TaskLine({ task: { id, title, state, stage, error } }: { readonly task: Task }) {
  const { shape, tone } = signs[state];
  return (
    <li className="app-task">
      <div className="ui-row">
        <strong className="tp-cut">{title}</strong>
        <span className="ui-page-actions">
          <State shape={shape} tone={tone}>
            {texts.shell.taskStates[state]}
          </State>
          {state === 'running' && (
            <Button
              variant="default"
              size="compact-xs"
              aria-label={texts.shell.cancelTask(title)}
              onClick={() => inBackground(callDaemon('cancelTask', { id }))}
            >
              {texts.shell.cancel}
            </Button>
          )}
        </span>
      </div>
      {state === 'running' && <progress className="app-progress app-progress-wide" aria-label={title} />}
      {state === 'running' && <span className="tp-dim">{stage}</span>}
      {error !== undefined && state === 'failed' && <ErrorNotice error={error} />}
    </li>
  );
}

const signs: Readonly<Record<Task['state'], { readonly shape: Shape; readonly tone: Tone }>> = {
  running: { shape: 'dots', tone: 'accent' },
  done: { shape: 'check', tone: 'good' },
  failed: { shape: 'cross', tone: 'bad' },
  cancelled: { shape: 'dash', tone: 'dim' },
};
