import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isAbsolute } from 'node:path';
import type { Readable } from 'node:stream';
import type * as z from 'zod/mini';
import type { Logger } from '#base/common/log.ts';
import { namespaceCommand } from '#base/node/enter-namespace.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { HandlerProcess as HandlerProcessSnapshot, handlerRequest } from '#protocol/local-api/model.ts';
import { type HandlerFiles, HandlerLog } from './handler-log.ts';
import { endProcesses, processesWith, runningProcesses, signalGroup } from './process-group.ts';
import { programEnvironment } from './program-environment.ts';
import { userShell } from './user-shell.ts';

export type HandlerRequest = z.infer<typeof handlerRequest>;

export interface HandlerProcessOptions {
  readonly request: HandlerRequest;
  readonly files: HandlerFiles;
  /** A process in the network that the handler is to run in, where that is not the daemon's. */
  readonly namespacePid?: (() => number | undefined) | undefined;
  readonly logger: Logger;
  readonly onChanged: () => void;
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** From SIGTERM until SIGKILL. */
const stopGraceMs = 2_000;

/** In the environment of a handler and of all that it starts: by it they are found again. */
const markVariable = 'TELEPRESENCE_HANDLER_ID';

/**
 * The program that serves an engagement, run by the user's shell in a process group of its own. One that ends is not started again by
 * itself. What a daemon that crashed has left running is ended before it is started anew.
 */
export class HandlerProcess {
  readonly #options: HandlerProcessOptions;
  readonly #log: HandlerLog;
  #environment: Readonly<Record<string, string>> = {};
  #child: Child | undefined;
  #mark = '';
  #state: HandlerProcessSnapshot['state'] | undefined;
  #restarts = 0;
  #isEnded = false;
  /** Starts and stops come one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: HandlerProcessOptions) {
    this.#options = options;
    this.#log = new HandlerLog(options.files.log);
  }

  get isRunning(): boolean {
    return this.#state?.kind === 'running';
  }

  /** `undefined` before it was started. */
  snapshot(): HandlerProcessSnapshot | undefined {
    const { command, directory } = this.#options.request;
    return this.#state === undefined ? undefined : { command, directory, restarts: this.#restarts, state: this.#state };
  }

  /** @throws AppError `engagement.handler` where it cannot be started. */
  async start(environment: Readonly<Record<string, string>>): Promise<void> {
    this.#environment = environment;
    await this.#inTurn(async () => {
      if (this.isRunning) return;
      await this.#endLeftover();
      await this.#spawn();
    });
  }

  async restart(): Promise<void> {
    await this.#inTurn(async () => {
      await this.#terminate();
      this.#restarts += 1;
      await this.#spawn();
    });
  }

  /** SIGTERM, and SIGKILL for what is left after two seconds. Resolves when nothing is. */
  async stop(): Promise<void> {
    await this.#inTurn(async () => await this.#terminate());
  }

  /** Stops it for good and removes its files. */
  async end(): Promise<void> {
    this.#isEnded = true;
    await this.stop();
    this.#log.remove();
  }

  async #inTurn(work: () => Promise<void>): Promise<void> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    await mine;
  }

  async #spawn(): Promise<void> {
    if (this.#isEnded) return;
    const { request, files, logger } = this.#options;
    checkHandlerRequest(request);
    this.#mark = randomUUID();
    writeFileSync(files.record, JSON.stringify({ mark: this.#mark }), { mode: 0o600 });
    const env = {
      ...programEnvironment(process.env, this.#environment),
      ...request.environment,
      [markVariable]: this.#mark,
    };
    const [file = '', ...args] = this.#commandLine();
    const child = spawn(file, args, {
      cwd: request.directory,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    try {
      await once(child, 'spawn');
    } catch (error) {
      throw handlerError(request, error instanceof Error ? error.message : String(error), error);
    }
    this.#child = child;
    this.#log.follow(child.stdout);
    this.#log.follow(child.stderr);
    // Set before the first wait, so that no end is missed: a shell may be done by now.
    if (child.exitCode !== null || child.signalCode !== null) this.#exited(child, child.exitCode, child.signalCode);
    else {
      child.once('exit', (code, signal) => this.#exited(child, code, signal));
      this.#enter({ kind: 'running', since: now(), pid: child.pid ?? 0 });
    }
    logger.info('A handler was started', { pid: child.pid });
  }

  #commandLine(): readonly string[] {
    const { request, namespacePid } = this.#options;
    const command = [userShell(process.env), '-c', request.command];
    const pid = namespacePid?.();
    if (pid === undefined) return command;
    const visitor = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, directory: request.directory };
    return namespaceCommand(pid, command, visitor);
  }

  #exited(child: Child, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#child !== child) return;
    const exitCode = code ?? 128 + (signal === null ? 0 : constants.signals[signal]);
    // What it has left in its group would be out of sight.
    if (child.pid !== undefined) signalGroup(child.pid, 'SIGTERM');
    this.#log.note(`The handler ended with exit code ${exitCode}`);
    this.#options.logger.info('A handler ended', { pid: child.pid, exitCode });
    this.#enter({ kind: 'exited', since: now(), exitCode });
  }

  async #terminate(): Promise<void> {
    const child = this.#child;
    if (child?.pid !== undefined) {
      const { pid: leader } = child;
      const mark = this.#mark;
      const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      await endProcesses(() => members(leader, exited === undefined, mark), stopGraceMs);
      await exited;
      this.#child = undefined;
    }
    rmSync(this.#options.files.record, { force: true });
  }

  async #endLeftover(): Promise<void> {
    const { files, logger } = this.#options;
    let mark: unknown;
    try {
      ({ mark } = JSON.parse(readFileSync(files.record, 'utf8')) as { mark?: unknown });
    } catch {
      return;
    }
    if (typeof mark !== 'string' || mark === '') return;
    const left = processesWith(markVariable, mark);
    if (left.length === 0) return;
    logger.info('A handler of an earlier daemon is ended', { processes: left });
    await endProcesses(() => processesWith(markVariable, mark), stopGraceMs);
  }

  #enter(state: HandlerProcessSnapshot['state']): void {
    this.#state = state;
    this.#options.onChanged();
  }
}

/** @throws AppError `engagement.handler` where the folder is not there. */
export function checkHandlerRequest(request: HandlerRequest): void {
  const { directory } = request;
  if (isAbsolute(directory) && statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw handlerError(request, `There is no folder ${directory}`);
}

/** Its group while that is known to be its own, and all that carry the mark. */
function members(leader: number, isCollected: boolean, mark: string): number[] {
  const group = isCollected ? [] : runningProcesses().flatMap(({ pid, group: own }) => (own === leader ? [pid] : []));
  return [...new Set([...group, ...processesWith(markVariable, mark)])];
}

function handlerError({ command }: HandlerRequest, reason: string, cause?: unknown): AppError {
  return new AppError(
    {
      code: 'engagement.handler',
      message: `The handler "${command}" cannot be started`,
      reason,
      remedies: [{ label: 'Correct the command or its folder, and begin the intercept again' }],
    },
    cause,
  );
}

function now(): string {
  return new Date().toISOString();
}
