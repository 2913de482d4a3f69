import { useRef, useState } from 'react';
import { type Action, useAction } from '../../api/use-call.ts';

interface CallOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: { readonly stage: string }) => void;
}

/** An action that says what it is at, and can be cancelled. */
export function useStagedAction(
  act: (options: CallOptions) => Promise<unknown>,
): Action<readonly []> & { readonly stage: string; readonly cancel: () => void } {
  const [stage, setStage] = useState('');
  const abort = useRef<AbortController>(undefined);
  const action = useAction(async () => {
    const control = new AbortController();
    abort.current = control;
    setStage('');
    await act({ signal: control.signal, onEvent: (event) => setStage(event.stage) });
  });
  return { ...action, stage, cancel: () => abort.current?.abort() };
}
