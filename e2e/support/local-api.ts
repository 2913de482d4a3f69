import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ChannelListener, MessageChannel } from '#net/rpc/channel.ts';
import { type ApiClient, createApiClient } from '#net/rpc/client.ts';
import { mirrorState } from '#net/rpc/state-mirror.ts';
import type { DaemonState } from '#protocol/local-api/model.ts';
import type { Laptop } from '../laptop/laptop.ts';
import { clientProgram } from './client-program.ts';
import { killGroup } from './program.ts';

/** How an attempt to reach the local API began. */
export interface Opening {
  readonly open?: true;
  /** Of an answer that refused a WebSocket, or the code of a failed connection. */
  readonly status?: number | string;
  /** What a browser would keep. */
  readonly cookie?: string;
  readonly protocol?: string;
}

/** A page's way, instead of the Unix socket. */
export interface PageOptions {
  readonly url: string;
  readonly token: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface OpenedApi {
  readonly opening: Opening;
  readonly api: ApiClient;
  /** Ends the client without a word. */
  kill(): void;
}

/** A client of the daemon's local API: a process of the laptop's user. */
export async function openApi(laptop: Laptop, page?: PageOptions): Promise<OpenedApi> {
  const { child, opening, channel } = await start(laptop, page);
  if (opening.open !== true) throw new Error(`the local API did not open: ${JSON.stringify(opening)}`);
  return { opening, api: await createApiClient(channel), kill: () => killGroup(child, 'SIGKILL') };
}

/** How the daemon answers to an attempt, which ends with that. */
export async function tryPage(laptop: Laptop, page: PageOptions): Promise<Opening> {
  const { child, opening } = await start(laptop, page);
  killGroup(child, 'SIGKILL');
  return opening;
}

/** States of the daemon as they come; the promise ends with the client. */
export function followState(
  api: ApiClient,
  onState: (state: DaemonState) => void,
): { readonly ended: Promise<unknown>; stop(): void } {
  const end = new AbortController();
  const ended = mirrorState(api, onState, end.signal).catch((error: unknown) => error);
  return { ended, stop: () => end.abort() };
}

/** Events of a subscription, kept. */
export class Following<Event> {
  readonly events: Event[] = [];
  readonly #end = new AbortController();
  readonly ended: Promise<unknown>;

  constructor(subscribe: (options: { readonly onEvent: (event: Event) => void; readonly signal: AbortSignal }) => Promise<void>) {
    this.ended = subscribe({ onEvent: (event) => this.events.push(event), signal: this.#end.signal }).catch(
      (error: unknown) => error,
    );
  }

  stop(): void {
    this.#end.abort();
  }
}

async function start(laptop: Laptop, page: PageOptions | undefined) {
  const args = page === undefined ? [] : [page.url, page.token, JSON.stringify(page.headers)];
  const child = laptop.spawn(clientProgram('local-api', ...args));
  const { stdin, stdout, stderr } = child;
  if (stdin === null || stdout === null) throw new Error('the client has no streams');
  let errors = '';
  stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const lines = createInterface({ input: stdout });
  const held: unknown[] = [];
  let listener: ChannelListener | undefined;
  const opening = await new Promise<Opening>((resolve, reject) => {
    lines.once('line', (line) => {
      lines.on('line', (next) => {
        if (listener === undefined) held.push(JSON.parse(next));
        else listener.message(JSON.parse(next));
      });
      resolve(JSON.parse(line) as Opening);
    });
    child.once('close', () => reject(new Error(`the client ended: ${errors}`)));
  });
  return {
    child,
    opening,
    channel: channelOf(child, (opened) => {
      listener = opened;
      for (const message of held.splice(0)) opened.message(message);
    }),
  };
}

function channelOf(child: ChildProcess, onOpen: (listener: ChannelListener) => void): MessageChannel {
  return {
    open(listener) {
      child.once('close', () => listener.closed(undefined));
      onOpen(listener);
    },
    send: (message) => void child.stdin?.write(`${JSON.stringify(message)}\n`),
    bufferedBytes: () => child.stdin?.writableLength ?? 0,
    close: () => void child.stdin?.end(),
    destroy: () => killGroup(child, 'SIGKILL'),
  };
}
