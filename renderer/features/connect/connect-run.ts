import { create } from 'zustand';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import { type ConnectRequest, type ConnectStage, connectStages } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { fitsLink } from '../../domain/link-target.ts';
import { chooseConnection, forgetInterceptLink, openPlace, useView } from '../../stores/view.ts';

/** A connect that this window asked for. It goes on when the page is left. */
export interface ConnectRun {
  readonly request: ConnectRequest;
  readonly place: string;
  readonly state: 'running' | 'failed';
  /** The step under way, or the one that failed. */
  readonly stage: ConnectStage | undefined;
  readonly timesMs: Partial<Readonly<Record<ConnectStage, number>>>;
  readonly error: ErrorData | undefined;
}

export const useConnectRun = create<{ readonly run: ConnectRun | undefined }>()(() => ({ run: undefined }));

let abort: AbortController | undefined;

export async function startConnect(request: ConnectRequest, place: string): Promise<void> {
  const { signal } = (abort = new AbortController());
  set({ request, place, state: 'running', stage: undefined, timesMs: {}, error: undefined });
  let enteredAt = performance.now();
  try {
    const { connection } = await callDaemon('connect', request, {
      signal,
      onEvent: ({ stage }) => {
        const { run } = useConnectRun.getState();
        if (run === undefined || !isStage(stage) || stage === run.stage) return;
        const now = performance.now();
        set({ ...run, stage, timesMs: run.stage === undefined ? {} : { ...run.timesMs, [run.stage]: now - enteredAt } });
        enteredAt = now;
      },
    });
    set(undefined);
    chooseConnection(connection.name);
    const { place: shown } = useView.getState();
    const { interceptLink } = useView.getState();
    const isForLink = interceptLink !== undefined && fitsLink(interceptLink, connection);
    if (shown === undefined || shown.page === 'connect') openPlace({ page: isForLink ? 'intercept' : 'workloads' });
  } catch (thrown) {
    const error = AppError.from(thrown);
    const { run } = useConnectRun.getState();
    if (error.code === 'cancelled') forgetInterceptLink();
    set(run === undefined || error.code === 'cancelled' ? undefined : { ...run, state: 'failed', error: error.toData() });
  }
}

export function cancelConnect(): void {
  abort?.abort();
}

export function forgetRun(): void {
  set(undefined);
}

function set(run: ConnectRun | undefined): void {
  useConnectRun.setState({ run });
}

function isStage(stage: string): stage is ConnectStage {
  return (connectStages as readonly string[]).includes(stage);
}
