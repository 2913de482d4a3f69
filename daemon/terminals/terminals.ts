import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, isAbsolute, join } from 'node:path';
import type { Logger } from '#base/common/log.ts';
import { namespaceCommand } from '#base/node/enter-namespace.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Terminal } from '#protocol/local-api/model.ts';
import { programEnvironment } from '../handlers/program-environment.ts';
import { userShell } from '../handlers/user-shell.ts';
import type { KubeconfigSource } from '../kube/kubeconfig.ts';
import type { StateStore } from '../state/state-store.ts';
import { isProgram } from './find-program.ts';
import { privateKubeconfig } from './private-kubeconfig.ts';
import { spawnPty } from './pty.ts';
import { badgedShell, type ShellStart } from './shell-start.ts';
import { TerminalSession } from './terminal-session.ts';
import { VirtualScreen } from './virtual-screen.ts';

export interface TerminalRequest {
  readonly columns: number;
  readonly rows: number;
  readonly directory: string | undefined;
  readonly command: readonly string[] | undefined;
  readonly title?: string | undefined;
  /** The connection whose cluster the terminal is in. */
  readonly place: TerminalPlace | undefined;
  readonly engagement: { readonly name: string; readonly environment: Readonly<Record<string, string>> } | undefined;
}

export interface TerminalPlace {
  readonly connection: string;
  readonly context: string;
  readonly namespace: string;
  readonly kubeconfig: KubeconfigSource;
  /** Of a process in the connection's own network namespace, where the laptop itself is not in the cluster. */
  readonly namespacePid?: number;
}

export interface TerminalsOptions {
  readonly state: Pick<StateStore, 'put' | 'remove' | 'state'>;
  readonly logger: Logger;
  /** For the private files of terminals: emptied first. */
  readonly directory: string;
  /** The daemon's own. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Far more than a person has open; a client that opens them in a loop ends here. */
const maxTerminals = 64;

const maxTitleCharacters = 200;

/** The terminals of this daemon. They outlive clients and connections, and end with the daemon. */
export class Terminals {
  readonly #options: TerminalsOptions;
  readonly #sessions = new Map<string, TerminalSession>();
  #opening = 0;
  #isEnding = false;

  constructor(options: TerminalsOptions) {
    this.#options = options;
    // Of an earlier daemon that was killed: there are credentials in them.
    rmSync(options.directory, { recursive: true, force: true });
  }

  /** @throws AppError where the program cannot be started. */
  async open(request: TerminalRequest): Promise<Terminal> {
    if (this.#isEnding) throw new AppError({ code: 'cancelled', message: 'The daemon is ending' });
    if (this.#sessions.size + this.#opening >= maxTerminals) {
      throw new AppError({
        code: 'usage',
        message: `There are ${maxTerminals} terminals already`,
        remedies: [{ label: 'Close some of them' }],
      });
    }
    const cwd = request.directory ?? homedir();
    checkDirectory(cwd);
    const id = randomBytes(6).toString('hex');
    const files = join(this.#options.directory, id);
    this.#opening += 1;
    try {
      mkdirSync(files, { recursive: true, mode: 0o700 });
      const start = inNamespace(this.#start(id, files, request), cwd, request.place?.namespacePid);
      const screen = await VirtualScreen.open(request.columns, request.rows);
      const { columns: cols, rows } = request;
      const pty = await spawnPty(start.file, start.args, { name: 'xterm-256color', cwd, cols, rows, env: { ...start.env } });
      const session = new TerminalSession(pty, screen);
      this.#sessions.set(id, session);
      this.#follow(id, session, screen, files);
    } catch (error) {
      rmSync(files, { recursive: true, force: true });
      throw AppError.from(error);
    } finally {
      this.#opening -= 1;
    }
    const { place, engagement, command, title } = request;
    const terminal: Terminal = {
      id,
      title: title ?? basename(command?.[0] ?? userShell(this.#options.env)),
      directory: cwd,
      ...(place === undefined ? {} : { connection: place.connection }),
      ...(engagement === undefined ? {} : { engagement: engagement.name }),
      createdAt: new Date().toISOString(),
    };
    this.#options.state.put('terminals', id, terminal);
    return terminal;
  }

  /** @throws AppError where there is no such terminal. */
  session(id: string): TerminalSession {
    const session = this.#sessions.get(id);
    if (session !== undefined) return session;
    throw new AppError({ code: 'not-found', message: `There is no terminal "${id}"`, reason: 'It was closed' });
  }

  /** Ends its programs and forgets it. */
  async close(id: string): Promise<void> {
    const session = this.session(id);
    await session.close();
    this.#sessions.delete(id);
    this.#options.state.remove('terminals', id);
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([...this.#sessions.keys()].map((id) => this.close(id)));
    rmSync(this.#options.directory, { recursive: true, force: true });
  }

  #follow(id: string, session: TerminalSession, screen: VirtualScreen, files: string): void {
    screen.onTitle((title) => {
      if (title !== '') this.#change(id, { title: title.slice(0, maxTitleCharacters) });
    });
    void session.exited.then((exitCode) => {
      rmSync(files, { recursive: true, force: true });
      this.#change(id, { exitCode });
    });
  }

  #change(id: string, change: Partial<Terminal>): void {
    const terminal = this.#options.state.state.terminals[id];
    if (terminal !== undefined) this.#options.state.put('terminals', id, { ...terminal, ...change });
  }

  #start(id: string, files: string, { place, engagement, command }: TerminalRequest): ShellStart {
    const env = programEnvironment(this.#options.env, engagement?.environment);
    Object.assign(env, { COLORTERM: 'truecolor', TERM_PROGRAM: 'telepresence', TELEPRESENCE_TERMINAL: id });
    if (place !== undefined) {
      const kubeconfig = join(files, 'kubeconfig');
      writeFileSync(kubeconfig, privateKubeconfig(place.kubeconfig, place.namespace), { mode: 0o600 });
      Object.assign(env, {
        KUBECONFIG: kubeconfig,
        TELEPRESENCE_CONNECTION: place.connection,
        TELEPRESENCE_CONTEXT: place.context,
        TELEPRESENCE_NAMESPACE: place.namespace,
      });
    }
    const [file, ...args] = command ?? [];
    if (file !== undefined) {
      checkProgram(file, env['PATH'] ?? '');
      return { file, args, env };
    }
    const shell = userShell(env);
    checkProgram(shell, env['PATH'] ?? '');
    if (place === undefined) return { file: shell, args: ['-i'], env };
    const badged = badgedShell(shell, `${place.context}/${place.namespace}`, files, env);
    return { ...badged, env: { ...env, ...badged.env } };
  }
}

function inNamespace(start: ShellStart, directory: string, pid: number | undefined): ShellStart {
  if (pid === undefined) return start;
  const visitor = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, directory };
  const [file = '', ...args] = namespaceCommand(pid, [start.file, ...start.args], visitor);
  return { ...start, file, args };
}

function checkDirectory(directory: string): void {
  if (isAbsolute(directory) && statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) return;
  throw new AppError({
    code: 'usage',
    message: `There is no folder ${directory} for a terminal to start in`,
    remedies: [{ label: 'Choose one that exists, by its whole path' }],
  });
}

/** Where it is missing, the pseudo-terminal would only tell of a program that ended. */
function checkProgram(file: string, path: string): void {
  if (isProgram(file, path)) return;
  throw new AppError({
    code: 'not-found',
    message: `The command ${file} cannot be started`,
    reason: file.includes('/') ? 'There is no such program' : 'It is not on the PATH',
  });
}
