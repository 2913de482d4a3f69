import { create } from 'zustand';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import { doctorCheckIds } from '#protocol/local-api/doctor-checks.ts';
import type { DoctorCheck } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';

/** The doctor's checks as this window has seen them. They go on, and stay, when the page is left. */
export interface DoctorRun {
  /** Latest results by id. */
  readonly results: Readonly<Record<string, DoctorCheck>>;
  /** Ids that are being looked at. */
  readonly pending: ReadonlySet<string>;
  readonly error: ErrorData | undefined;
  readonly hasRun: boolean;
}

export const useDoctor = create<DoctorRun>()(() => ({ results: {}, pending: new Set(), error: undefined, hasRun: false }));

let abort: AbortController | undefined;

/** Runs all checks, or some; each result shows as it comes. A run that is under way ends. */
export async function runDoctor(use: string | undefined, only: readonly string[] = []): Promise<void> {
  abort?.abort();
  const control = new AbortController();
  abort = control;
  useDoctor.setState({ pending: new Set(only.length === 0 ? doctorCheckIds : only), error: undefined, hasRun: true });
  try {
    const { checks } = await callDaemon(
      'runDoctor',
      { ...(use === undefined ? {} : { use }), kubeFlags: {}, environment: {}, only: [...only] },
      { signal: control.signal, onEvent: (check) => abort === control && put([check]) },
    );
    // A page that was busy may have missed some.
    if (abort === control) put(checks);
  } catch (thrown) {
    const error = AppError.from(thrown);
    if (abort === control && error.code !== 'cancelled') useDoctor.setState({ error: error.toData() });
  } finally {
    if (abort === control) useDoctor.setState({ pending: new Set() });
  }
}

export function stopDoctor(): void {
  abort?.abort();
}

/** As one would paste it into an issue. */
export function reportText(checks: readonly DoctorCheck[], words: Readonly<Record<DoctorCheck['status'], string>>): string {
  return checks
    .map(({ status, title, reason, remedies }) => {
      const todo = remedies.map(
        ({ label, command, link }) => `\n  ${[label, command ?? link].filter((part) => part !== undefined).join(': ')}`,
      );
      return `${words[status]}: ${title}\n  ${reason}${todo.join('')}`;
    })
    .join('\n');
}

function put(checks: readonly DoctorCheck[]): void {
  useDoctor.setState(({ results, pending }) => {
    const left = new Set(pending);
    for (const { id } of checks) left.delete(id);
    return { results: { ...results, ...Object.fromEntries(checks.map((check) => [check.id, check])) }, pending: left };
  });
}
