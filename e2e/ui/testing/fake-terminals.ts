import type { Handlers } from '#net/rpc/handlers.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import type { Terminal } from '#protocol/local-api/model.ts';
import type { FakeState } from './fake-state.ts';

/** As in the daemon: a client that has more than this to draw gets no more. */
const maxUnread = 256 * 1024;

export function terminalOf(change: Partial<Terminal> = {}): Terminal {
  return { id: 't1', title: 'bash', directory: '/home/dev/shop', createdAt: '2026-01-01T10:00:00.000Z', ...change };
}

/** Terminals whose programs are the test. */
export interface FakeTerminals {
  readonly handlers: Pick<
    Handlers,
    'openTerminal' | 'attachTerminal' | 'acknowledgeTerminal' | 'writeTerminal' | 'resizeTerminal' | 'closeTerminal'
  >;
  /** What was typed. */
  readonly written: string[];
  readonly sizes: { readonly columns: number; readonly rows: number }[];
  readonly opened: unknown[];
  readonly closed: string[];
  /** Prints to whoever is attached, and waits while that is too much. */
  print(data: string): Promise<void>;
  send(event: CallEvent<'attachTerminal'>): void;
  /** Most that was on its way to a page at a time. */
  readonly maxOnTheWay: number;
}

export function fakeTerminals(screen: string, state: () => FakeState): FakeTerminals {
  const written: string[] = [];
  const sizes: { columns: number; rows: number }[] = [];
  const opened: unknown[] = [];
  const closed: string[] = [];
  const attached = new Map<string, (event: CallEvent<'attachTerminal'>) => void>();
  let attachments = 0;
  let unread = 0;
  let most = 0;
  let wake = Promise.withResolvers<void>();
  const send = (event: CallEvent<'attachTerminal'>) => {
    for (const emit of attached.values()) emit(event);
  };
  return {
    written,
    sizes,
    opened,
    closed,
    get maxOnTheWay() {
      return most;
    },
    send,
    async print(data) {
      while (unread > maxUnread) await wake.promise;
      unread += data.length;
      most = Math.max(most, unread);
      send({ kind: 'data', data });
    },
    handlers: {
      openTerminal: async (input) => {
        opened.push(input);
        const terminal = terminalOf({ id: `t${opened.length}`, createdAt: new Date().toISOString() });
        state().put('terminals', terminal.id, terminal);
        return { terminal };
      },
      attachTerminal: async (_input, { emit, signal }) => {
        attachments += 1;
        const attachment = String(attachments);
        attached.set(attachment, emit);
        unread = 0;
        emit({ kind: 'screen', attachment, data: screen, columns: 80, rows: 24 });
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
        attached.delete(attachment);
        return {};
      },
      acknowledgeTerminal: async ({ attachment, characters }) => {
        if (attachment !== undefined && attached.has(attachment)) unread -= characters;
        wake.resolve();
        wake = Promise.withResolvers<void>();
        return {};
      },
      writeTerminal: async ({ data }) => {
        written.push(data);
        return {};
      },
      resizeTerminal: async ({ columns, rows }) => {
        sizes.push({ columns, rows });
        return {};
      },
      closeTerminal: async ({ id }) => {
        closed.push(id);
        state().remove('terminals', id);
        return {};
      },
    },
  };
}
