import { useEffect, useState } from 'react';
import type { ErrorData } from '#protocol/errors/app-error.ts';
import type { LogLine, LogSource } from '#protocol/local-api/log-api.ts';
import { onNextFrame } from '../../api/next-frame.ts';
import { useSubscription } from '../../api/use-subscription.ts';
import { texts } from '../../texts/en.ts';
import { LogBuffer, type LogFilter, type LogView } from './log-buffer.ts';

/** Shown before the live lines. */
const history = 5_000;

export interface Log {
  readonly view: LogView;
  /** Whether the lines of before have come. */
  readonly isLoaded: boolean;
  readonly error: ErrorData | undefined;
  retry(): void;
}

/** A log, live. However fast lines come, they are taken in once a frame. */
export function useLog(use: string | undefined, source: LogSource, filter: LogFilter): Log {
  const [buffer] = useState(() => new LogBuffer(texts.logs.dropped));
  const [view, setView] = useState(() => buffer.view());
  const [isLoaded, setLoaded] = useState(false);
  const [intake] = useState(() => {
    let queue: { readonly lines: readonly LogLine[]; readonly dropped: number }[] = [];
    const flush = onNextFrame(() => {
      const lots = queue;
      queue = [];
      for (const { lines, dropped } of lots) buffer.append(lines, dropped);
      setLoaded(true);
      setView(buffer.view());
    });
    return {
      add(lot: { readonly lines: readonly LogLine[]; readonly dropped: number }) {
        queue.push(lot);
        flush.request();
      },
      clear() {
        queue = [];
        flush.cancel();
        buffer.clear();
      },
    };
  });
  const { level, search } = filter;
  useEffect(() => {
    buffer.setFilter({ level, search });
    setView(buffer.view());
  }, [buffer, level, search]);
  const { error, retry } = useSubscription(
    'tailLog',
    { ...(use === undefined ? {} : { use }), source, history },
    intake.add,
    // The lines of before come again.
    intake.clear,
  );
  return { view, isLoaded, error, retry };
}
