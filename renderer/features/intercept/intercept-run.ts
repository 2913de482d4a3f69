import { create } from 'zustand';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import type { InterceptRequest } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { engagementKey } from '../../domain/engagement-view.ts';
import { showFailure } from '../../stores/messages.ts';
import { openPlace, useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { resetDraft } from './intercept-draft.ts';

/** A start that this window asked for. It goes on when the page is left. */
export interface InterceptRun {
  readonly name: string;
  readonly state: 'running' | 'failed';
  /** In words, as the daemon tells them; the last one is under way, or failed. */
  readonly stages: readonly string[];
  readonly error: ErrorData | undefined;
}

export const useInterceptRun = create<{ readonly run: InterceptRun | undefined }>()(() => ({ run: undefined }));

let abort: AbortController | undefined;

/** Ends in the running engagement, if the person is still waiting for it. */
export async function startIntercept(use: string, request: InterceptRequest): Promise<void> {
  const { signal } = (abort = new AbortController());
  const { name } = request;
  set({ name, state: 'running', stages: [texts.intercept.asked], error: undefined });
  try {
    const { engagement } = await callDaemon(
      'intercept',
      { use, request },
      {
        signal,
        onEvent: ({ stage }) => {
          const { run } = useInterceptRun.getState();
          if (run !== undefined && run.stages.at(-1) !== stage) set({ ...run, stages: [...run.stages, stage] });
        },
      },
    );
    set(undefined);
    resetDraft();
    if (isOnWizard()) openPlace({ page: 'engagements', engagement: engagementKey(engagement) });
  } catch (thrown) {
    const error = AppError.from(thrown);
    const { run } = useInterceptRun.getState();
    if (error.code === 'cancelled' || run === undefined) return set(undefined);
    set({ ...run, state: 'failed', error: error.toData() });
    if (!isOnWizard()) showFailure(error.toData());
  }
}

export function cancelIntercept(): void {
  abort?.abort();
}

export function forgetRun(): void {
  set(undefined);
}

function isOnWizard(): boolean {
  return useView.getState().place?.page === 'intercept';
}

function set(run: InterceptRun | undefined): void {
  useInterceptRun.setState({ run });
}
