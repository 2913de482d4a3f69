import type { DaemonState } from '#protocol/local-api/model.ts';

export interface Trouble {
  readonly text: string;
  /** Ends by starting the privileged helper. */
  readonly isHelper: boolean;
}

/** What is worst of all that is wrong now; `undefined` where nothing is. */
export function worstTrouble(state: DaemonState): Trouble | undefined {
  const conditions = Object.values(state.health);
  // A cause explains what follows from it, so that only causes are told.
  const causes = conditions.filter(({ dependsOn }) => !conditions.some(({ code }) => dependsOn.includes(code)));
  const worst = causes.find(({ severity }) => severity === 'error');
  if (worst !== undefined) return { text: worst.title, isHelper: isHelperCode(worst.code) };
  for (const connection of Object.values(state.connections)) {
    const { state: now } = connection;
    if (now.kind === 'degraded' || now.kind === 'reconnecting') {
      return { text: now.reason.message, isHelper: isHelperCode(now.reason.code) };
    }
    // A connect that was cancelled or lacks something in its request is off, and its window says why.
    if (now.kind === 'off' && now.error !== undefined && isHelperCode(now.error.code)) {
      return { text: now.error.message, isHelper: true };
    }
  }
  const warning = causes[0];
  return warning === undefined ? undefined : { text: warning.title, isHelper: isHelperCode(warning.code) };
}

function isHelperCode(code: string): boolean {
  return code === 'helper.not-running' || code === 'helper.privileges';
}
