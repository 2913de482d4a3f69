import { useCallback, useEffect, useRef, useState } from 'react';
import { AppError, type ErrorData } from '#protocol/errors/app-error.ts';
import type { CallInput, CallName, CallOutput } from '#protocol/local-api/local-api.ts';
import { callDaemon, daemonClient } from './daemon-session.ts';

export interface Answer<Name extends CallName> {
  /** The latest output: of an earlier input while `isLoading`. */
  readonly output: CallOutput<Name> | undefined;
  readonly error: ErrorData | undefined;
  readonly isLoading: boolean;
  again(): void;
}

/** Asks when the component comes, and when `input` changes; what is no longer wanted is cancelled. `input` undefined: not now. */
export function useAnswer<Name extends CallName>(name: Name, input: CallInput<Name> | undefined, delayMs = 0): Answer<Name> {
  const [result, setResult] = useState<{ key?: string; output?: CallOutput<Name>; error?: ErrorData }>({});
  const [attempt, setAttempt] = useState(0);
  const key = input === undefined ? undefined : JSON.stringify(input);
  const current = key === undefined ? undefined : `${attempt} ${key}`;
  useEffect(() => {
    if (key === undefined || current === undefined) return;
    const abort = new AbortController();
    const ask = async () => {
      await daemonClient();
      if (abort.signal.aborted) return;
      try {
        const output = await callDaemon(name, JSON.parse(key) as CallInput<Name>, { signal: abort.signal });
        if (!abort.signal.aborted) setResult({ key: current, output });
      } catch (thrown) {
        if (!abort.signal.aborted) setResult({ key: current, error: AppError.from(thrown).toData() });
      }
    };
    const timer = setTimeout(() => void ask(), delayMs);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [name, key, current, delayMs]);
  return {
    output: result.output,
    error: result.key === current ? result.error : undefined,
    isLoading: current !== undefined && result.key !== current,
    again: () => setAttempt((before) => before + 1),
  };
}

export interface Action<Args extends readonly unknown[]> {
  run(...args: Args): Promise<boolean>;
  readonly isRunning: boolean;
  readonly error: ErrorData | undefined;
  clearError(): void;
}

/** An action of a button: whether it runs, and why it failed. It resolves to whether it succeeded. */
export function useAction<Args extends readonly unknown[]>(act: (...args: Args) => Promise<unknown>): Action<Args> {
  const [isRunning, setRunning] = useState(false);
  const [error, setError] = useState<ErrorData>();
  const latest = useRef(act);
  latest.current = act;
  const run = useCallback(async (...args: Args) => {
    setRunning(true);
    setError(undefined);
    try {
      await latest.current(...args);
      return true;
    } catch (thrown) {
      const failure = AppError.from(thrown);
      if (failure.code !== 'cancelled') setError(failure.toData());
      return false;
    } finally {
      setRunning(false);
    }
  }, []);
  return { run, isRunning, error, clearError: () => setError(undefined) };
}
