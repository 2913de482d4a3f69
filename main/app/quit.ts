import { setTimeout as delay } from 'node:timers/promises';
import { app, dialog } from 'electron';
import type { Logger } from '#base/common/log.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import type { DaemonLink } from '../daemon/daemon-link.ts';

export type QuitChoice = 'keep-running' | 'end';

export interface Quit {
  /**
   * Asks the person where something would be lost and no choice is given; does nothing when that is cancelled. `leave` ends the app in
   * another way than by its end, as for an update.
   */
  request(choice?: QuitChoice, leave?: () => void): Promise<void>;
  /** Whether the app is on its way out, so that its window may close. */
  readonly isDecided: boolean;
}

/** Long enough for a daemon that takes its engagements out of a slow cluster; then it goes on without the app. */
const endTimeoutMs = 15_000;

export function createQuit(link: DaemonLink, logger: Logger, tearDown: () => Promise<void>): Quit {
  let isDecided = false;
  let isAsking = false;
  const decide = async (choice: QuitChoice, leave: () => void) => {
    isDecided = true;
    logger.info('Quit', { choice });
    if (choice === 'end') await endDaemon(link, logger);
    await tearDown();
    leave();
  };
  return {
    get isDecided() {
      return isDecided;
    },
    async request(choice, leave = () => app.quit()) {
      if (isDecided || isAsking) return;
      isAsking = true;
      try {
        const chosen = choice ?? (await askWhereNeeded(link.state));
        if (chosen !== undefined) await decide(chosen, leave);
      } finally {
        isAsking = false;
      }
    },
  };
}

/** A daemon that has nothing is ended without a question. */
async function askWhereNeeded(state: DaemonState | undefined): Promise<QuitChoice | undefined> {
  if (state === undefined) return 'keep-running';
  const losses = lossesOf(state);
  if (losses.length === 0) return 'end';
  const { response } = await dialog.showMessageBox({
    type: 'question',
    title: 'Quit Telepresence',
    message: 'Keep the connection running?',
    detail: `There is: ${losses.join(', ')}. It goes on without the window, and the telepresence command and the next start of the app find it again.`,
    buttons: ['Keep running', 'End everything', 'Cancel'],
    defaultId: 0,
    cancelId: 2,
    noLink: true,
  });
  return response === 0 ? 'keep-running' : response === 1 ? 'end' : undefined;
}

function lossesOf(state: DaemonState): readonly string[] {
  const count = (number: number, noun: string) => (number === 0 ? [] : [`${number} ${noun}${number === 1 ? '' : 's'}`]);
  return [
    ...count(Object.values(state.connections).filter((connection) => connection.state.kind !== 'off').length, 'connection'),
    ...count(Object.keys(state.engagements).length, 'engagement'),
    ...count(Object.values(state.terminals).filter(({ exitCode }) => exitCode === undefined).length, 'terminal'),
    ...count(Object.values(state.tasks).filter((task) => task.state === 'running').length, 'task'),
  ];
}

async function endDaemon(link: DaemonLink, logger: Logger): Promise<void> {
  try {
    const { api } = link;
    // The link must not start another one in its place.
    const ended = api.call('quit', {}).then(
      () => api.closed,
      () => api.closed,
    );
    link.expectEnd();
    await Promise.race([ended, delay(endTimeoutMs, undefined, { ref: false })]);
  } catch (error) {
    logger.warn('There is no daemon to end', { error });
  }
}
