import { create } from 'zustand';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { callDaemon } from '../../api/daemon-session.ts';

export type Probe =
  | { readonly state: 'checking' }
  | { readonly state: 'known'; readonly found: CallOutput<'probeContext'> }
  | { readonly state: 'failed'; readonly error: ErrorData };

/** How contexts looked when they were last asked, by name. */
export const useProbes = create<{ readonly byContext: Readonly<Record<string, Probe>> }>()(() => ({ byContext: {} }));

/** Asks a cluster how it is. Not done for all at once: their login programs may open browsers. */
export async function probe(context: string, managerNamespace: string): Promise<void> {
  if (useProbes.getState().byContext[context]?.state === 'checking') return;
  put(context, { state: 'checking' });
  try {
    const found = await callDaemon('probeContext', {
      kubeFlags: { context },
      ...(managerNamespace === '' ? {} : { managerNamespace }),
    });
    put(context, { state: 'known', found });
  } catch (thrown) {
    put(context, { state: 'failed', error: AppError.from(thrown).toData() });
  }
}

function put(context: string, found: Probe): void {
  useProbes.setState(({ byContext }) => ({ byContext: { ...byContext, [context]: found } }));
}
