import { setImmediate as nextTurn } from 'node:timers/promises';
import type { IPty } from 'node-pty';
import { deferred } from '#base/common/deferred.ts';
import type { CallEvent } from '#protocol/local-api/local-api.ts';
import { endProcesses, runningProcesses } from '../handlers/process-group.ts';
import { splitAtSafePoint, withoutQuestions } from './output-pieces.ts';
import type { VirtualScreen } from './virtual-screen.ts';

type Emit = (event: CallEvent<'attachTerminal'>) => void;

interface Attachment {
  readonly id: string;
  readonly emit: Emit;
  /** Characters that were sent and not acknowledged. */
  unread: number;
  isGone: boolean;
}

/** What happens to the screen, in the order in which everybody sees it. */
type Step =
  | { readonly kind: 'data'; readonly data: string }
  | { readonly kind: 'resize'; readonly columns: number; readonly rows: number }
  | { readonly kind: 'attach'; readonly attachment: Attachment }
  | { readonly kind: 'exit'; readonly exitCode: number };

/** The program waits while a client has more than this to draw, or this terminal has more than that to look at. */
const maxUnreadCharacters = 256 * 1024;
const maxWaitingCharacters = 128 * 1024;

/** Looked at in one go: a millisecond or two. */
const maxStepCharacters = 32 * 1024;

/** From the hang-up until what is left of its programs is killed. */
const closeGraceMs = 1_500;

/**
 * A program on a pseudo-terminal with any number of clients. All that it prints goes through one queue, first onto the screen that is kept
 * here and then to the clients, so that one who joins in between misses nothing and sees nothing twice.
 */
export class TerminalSession {
  readonly #pty: IPty;
  readonly #screen: VirtualScreen;
  readonly #steps: Step[] = [];
  readonly #attachments = new Map<string, Attachment>();
  readonly #exited = deferred<number>();
  #waiting = 0;
  #held = '';
  #isPaused = false;
  #isWorking = false;
  #isClosing = false;
  #exitCode: number | undefined;
  #lastAttachment = 0;

  constructor(pty: IPty, screen: VirtualScreen) {
    this.#pty = pty;
    this.#screen = screen;
    pty.onData((chunk) => this.#receive(chunk));
    pty.onExit(({ exitCode, signal }) => this.#ended(signal === undefined || signal === 0 ? exitCode : 128 + signal));
    screen.onAnswer((data) => this.write(data));
  }

  /** Resolves to the exit code, once all that the program printed is on the screen. */
  get exited(): Promise<number> {
    return this.#exited.promise;
  }

  /** Resolves when the program has ended, or `signal` aborted. */
  async attach(emit: Emit, signal: AbortSignal): Promise<void> {
    this.#lastAttachment += 1;
    const attachment: Attachment = { id: String(this.#lastAttachment), emit, unread: 0, isGone: false };
    const left = deferred<void>();
    const leave = () => left.resolve();
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    this.#queue({ kind: 'attach', attachment });
    const isDone = this.#exited.promise.then(() => this.#drained());
    await Promise.race([left.promise, isDone]);
    signal.removeEventListener('abort', leave);
    attachment.isGone = true;
    this.#attachments.delete(attachment.id);
    this.#steer();
  }

  /** Without `attachment`: for every client. */
  acknowledge(attachment: string | undefined, characters: number): void {
    for (const candidate of this.#attachments.values()) {
      if (attachment !== undefined && attachment !== candidate.id) continue;
      candidate.unread = Math.max(0, candidate.unread - characters);
    }
    this.#steer();
  }

  write(data: string): void {
    if (this.#exitCode === undefined) this.#pty.write(data);
  }

  resize(columns: number, rows: number): void {
    if (this.#exitCode !== undefined) return;
    this.#pty.resize(columns, rows);
    this.#queue({ kind: 'resize', columns, rows });
  }

  /** Ends what runs in it. Resolves when nothing does any more. */
  async close(): Promise<void> {
    // Its end is not seen while it is paused.
    this.#isClosing = true;
    this.#steer();
    const { pid: leader } = this.#pty;
    // Jobs that a shell would let go on, such as those of nohup, end too: the terminal is theirs.
    const members = () => {
      const others = runningProcesses().flatMap(({ pid, session }) => (session === leader && pid !== leader ? [pid] : []));
      return this.#exitCode === undefined ? [leader, ...others] : others;
    };
    await endProcesses(members, closeGraceMs, 'SIGHUP');
    await this.#exited.promise;
    this.#screen.dispose();
  }

  #receive(chunk: string): void {
    const { ready, held } = splitAtSafePoint(this.#held + chunk);
    this.#held = held;
    if (ready !== '') this.#queue({ kind: 'data', data: ready });
  }

  #ended(exitCode: number): void {
    this.#exitCode = exitCode;
    if (this.#held !== '') this.#queue({ kind: 'data', data: this.#held });
    this.#queue({ kind: 'exit', exitCode });
  }

  #queue(step: Step): void {
    if (step.kind === 'data') this.#waiting += step.data.length;
    this.#steps.push(step);
    this.#steer();
    if (!this.#isWorking) void this.#work();
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let step = this.#next(); step !== undefined; step = this.#next()) {
      await this.#take(step);
      this.#steer();
      // Others have their turn, however much a program prints.
      await nextTurn();
    }
    this.#isWorking = false;
  }

  /** The next step; what was printed in several pieces is one. */
  #next(): Step | undefined {
    const step = this.#steps.shift();
    if (step?.kind !== 'data') return step;
    let { data } = step;
    for (let more = this.#steps[0]; more?.kind === 'data' && data.length < maxStepCharacters; more = this.#steps[0]) {
      data += more.data;
      this.#steps.shift();
    }
    return { kind: 'data', data };
  }

  async #take(step: Step): Promise<void> {
    switch (step.kind) {
      case 'data': {
        await this.#screen.write(step.data);
        this.#waiting -= step.data.length;
        const data = withoutQuestions(step.data);
        for (const attachment of this.#attachments.values()) {
          attachment.unread += data.length;
          attachment.emit({ kind: 'data', data });
        }
        return;
      }
      case 'resize':
        this.#screen.resize(step.columns, step.rows);
        for (const { emit } of this.#attachments.values()) emit({ kind: 'size', columns: step.columns, rows: step.rows });
        return;
      case 'attach': {
        if (step.attachment.isGone) return;
        const { columns, rows } = this.#screen;
        const { id, emit } = step.attachment;
        emit({ kind: 'screen', attachment: id, data: await this.#screen.text(), columns, rows });
        if (this.#exitCode !== undefined && this.#steps.every(({ kind }) => kind !== 'exit')) {
          emit({ kind: 'exit', exitCode: this.#exitCode });
        } else if (!step.attachment.isGone) this.#attachments.set(id, step.attachment);
        return;
      }
      case 'exit':
        for (const { emit } of this.#attachments.values()) emit({ kind: 'exit', exitCode: step.exitCode });
        this.#exited.resolve(step.exitCode);
    }
  }

  /** Until the steps that are queued now were taken. */
  async #drained(): Promise<void> {
    while (this.#isWorking) await nextTurn();
  }

  #steer(): void {
    const isUnread = [...this.#attachments.values()].some(({ unread }) => unread > maxUnreadCharacters);
    const isTooMuch = this.#waiting > maxWaitingCharacters || (isUnread && !this.#isClosing);
    if (isTooMuch === this.#isPaused) return;
    this.#isPaused = isTooMuch;
    if (isTooMuch) this.#pty.pause();
    else this.#pty.resume();
  }
}
