import type { Handlers } from '#net/rpc/handlers.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import type { LogLine, LogSource } from '#protocol/local-api/log-api.ts';

type Lot = CallEvent<'tailLog'>;

export const logSources: readonly LogSource[] = [
  { kind: 'daemon' },
  { kind: 'helper' },
  { kind: 'manager' },
  { kind: 'handler', engagement: 'cart' },
  { kind: 'agent', namespace: 'shop', pod: 'cart-6d9f7b5c4-x2x7q' },
  { kind: 'pod', namespace: 'shop', pod: 'cart-6d9f7b5c4-x2x7q', container: 'cart' },
];

const levels = ['info', 'debug', 'info', 'warn', 'info', 'error'] as const;

/** Lines like those of a program, numbered from `first`. */
export function linesOf(first: number, count: number): LogLine[] {
  return Array.from({ length: count }, (_unused, index) => {
    const number = first + index;
    const time = new Date(Date.UTC(2026, 0, 1, 12) + number * 7).toISOString();
    return {
      time,
      level: levels[number % levels.length] ?? 'info',
      text: `daemon.link message ${number} peer=10.42.0.${number % 250}:8080 duration=${number % 90}ms`,
    };
  });
}

export interface FakeLogs {
  readonly handlers: Pick<Handlers, 'listLogSources' | 'tailLog' | 'listFolders'>;
  /** Names of the logs that were asked for. */
  readonly tailed: string[];
  send(lot: Lot): void;
}

/** Logs that say `history` first, and then what the test sends. */
export function fakeLogs(history: readonly LogLine[], sources: readonly LogSource[] = logSources): FakeLogs {
  const readers = new Set<(lot: Lot) => void>();
  const tailed: string[] = [];
  return {
    tailed,
    send(lot) {
      for (const emit of readers) emit(lot);
    },
    handlers: {
      listLogSources: async () => ({ sources: [...sources] }),
      listFolders: async () => ({ directory: '/home/dev', folders: [] }),
      tailLog: async ({ source }, { emit, signal }) => {
        tailed.push(source.kind);
        emit({ lines: [...history], dropped: 0 });
        readers.add(emit);
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        readers.delete(emit);
        return {};
      },
    },
  };
}
