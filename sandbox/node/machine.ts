import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { connectUnix, receiveDescriptors, writeAll } from '#base/node/linux-sockets.ts';
import { AppError } from '#protocol/errors/app-error.ts';

/** The namespaces that the sandbox's pods live in: user (for an ordinary user), network, mounts, processes. Nothing of them shows outside. */
export interface Machine {
  /** Visible inside only: a file system in memory for pinned network namespaces, images and roots of containers. */
  readonly runDirectory: string;
  /** Whether containers can run as different users: not for an ordinary user, who has but one to give. */
  readonly hasUsers: boolean;
  /** Settled when the machine has ended, wanted or not. */
  readonly ended: Promise<void>;
  /** What to put in front of a command that is to run inside. */
  enter(options?: EnterOptions): readonly string[];
  /** Runs a shell script (`sh -e`) inside, in the machine's network namespace. Resolves to what it wrote. */
  run(script: string): Promise<string>;
  /** An open socket of one of the network namespaces. The caller closes it. */
  openSocket(request: SocketRequest): Promise<number>;
  stop(): Promise<void>;
}

export interface EnterOptions {
  /** Path of a network namespace inside; absent: the machine's own. */
  readonly network?: string;
  /** Also become one of its processes, which costs a process more and lets the command die with the machine. */
  readonly isProcess?: boolean;
}

export interface SocketRequest {
  readonly kind: 'tcp' | 'udp';
  readonly namespace?: string;
  readonly bind?: { readonly address: string; readonly port: number };
}

/** Programs of the system that pods and their network are made with. */
const programs = ['ip', 'nft', 'unshare', 'nsenter', 'mount', 'umount', 'setpriv', 'pivot_root', 'hostname', 'sh'] as const;
const programDirectories = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const startTimeoutMs = 10_000;
const scriptTimeoutMs = 20_000;

/** `PATH` of the system's administrative programs, which ordinary users often do not have. */
export const systemPath = programDirectories.join(':');

/**
 * Starts the machine below `directory`, which it may use freely. While it runs, `namespaces` there is a link to its namespaces:
 * `nsenter --net=DIRECTORY/namespaces/net` runs a program where the node is.
 *
 * @throws AppError `sandbox.unsupported` where this system cannot do it, and says what is missing.
 */
export async function startMachine(directory: string): Promise<Machine> {
  checkPrograms();
  const isRoot = process.getuid?.() === 0;
  const runDirectory = join(directory, 'run');
  const socketPath = join(directory, 'machine.sock');
  const namespaces = join(directory, 'namespaces');
  mkdirSync(runDirectory, { recursive: true });
  for (const path of [socketPath, namespaces]) await rm(path, { force: true });
  const holder = await startHolder(socketPath, isRoot);
  const exited = new Promise<void>((resolve) => holder.once('exit', () => resolve()));
  const pid = holder.pid ?? 0;
  // For programs of the system that are to look inside.
  await symlink(`/proc/${pid}/ns`, namespaces);
  const sockets = socketBroker(socketPath);
  const enter = ({ network, isProcess = false }: EnterOptions = {}) => [
    systemProgram('nsenter'),
    `--target=${pid}`,
    ...(isRoot ? [] : ['--user', '--preserve-credentials']),
    '--mount',
    '--ipc',
    '--net',
    ...(isProcess ? [`--pid=/proc/${pid}/ns/pid_for_children`] : []),
    '--',
    // The file of a pinned namespace can be opened from within only.
    ...(network === undefined ? [] : [systemProgram('nsenter'), `--net=${network}`, '--']),
  ];
  const machine: Machine = {
    runDirectory,
    hasUsers: isRoot,
    ended: exited,
    enter,
    run: async (script) => await runScript([...enter({ isProcess: true }), systemProgram('sh'), '-e'], script),
    openSocket: async (request) => await sockets.open(request),
    stop: async () => {
      sockets.close();
      holder.kill('SIGKILL');
      await exited;
      for (const path of [socketPath, namespaces]) await rm(path, { force: true });
    },
  };
  try {
    await machine.run(
      `mount -t tmpfs -o mode=755 sandbox ${runDirectory}\nmkdir ${runDirectory}/net ${runDirectory}/images ${runDirectory}/root`,
    );
    return machine;
  } catch (error) {
    await machine.stop();
    throw error;
  }
}

/** Full path of a program of the system, for where `PATH` is a container's. */
export function systemProgram(name: (typeof programs)[number]): string {
  const directory = programDirectories.find((candidate) => existsSync(join(candidate, name)));
  return join(directory ?? '/usr/bin', name);
}

/** The one child of a process, as seen from outside of the machine. */
export function findChild(parent: number): number | undefined {
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    try {
      // The second field is a name in brackets, which may hold anything.
      const [, parentField] = readFileSync(`/proc/${name}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      if (Number(parentField) === parent) return Number(name);
    } catch {
      // It has ended.
    }
  }
  return undefined;
}

async function startHolder(socketPath: string, isRoot: boolean): Promise<ChildProcess> {
  const program = new URL(import.meta.url.endsWith('.ts') ? './machine-program.ts' : './sandbox-machine.js', import.meta.url)
    .pathname;
  const namespaces = [...(isRoot ? [] : ['--user', '--map-root-user']), '--net', '--mount', '--pid', '--ipc', '--uts'];
  const holder = spawn(
    'unshare',
    [
      ...namespaces,
      '--fork',
      '--kill-child=SIGKILL',
      '--mount-proc',
      '--propagation=private',
      process.execPath,
      program,
      socketPath,
    ],
    { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, PATH: systemPath, NODE_NO_WARNINGS: '1' } },
  );
  let complaint = '';
  holder.stderr.on('data', (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2_000);
  });
  holder.stdin.on('error', () => undefined);
  const timer = setTimeout(() => holder.kill('SIGKILL'), startTimeoutMs);
  const isReady = await Promise.race([
    once(holder.stdout, 'data').then(() => true),
    once(holder, 'exit').then(() => false),
    once(holder, 'error').then(() => false),
  ]);
  clearTimeout(timer);
  if (!isReady) throw unsupported(complaint.trim(), isRoot);
  return holder;
}

function unsupported(reason: string, isRoot: boolean): AppError {
  return new AppError({
    code: 'sandbox.unsupported',
    message: isRoot
      ? 'The sandbox cannot make the namespaces that its pods live in'
      : 'The sandbox cannot make a user namespace, which it needs unless root starts it',
    reason,
    remedies: isRoot
      ? [{ label: 'Start it outside of a container, or in a privileged one' }]
      : [{ label: 'Start it as root', command: 'sudo telepresence sandbox up' }, ...allowUserNamespaces()],
  });
}

/** Systems forbid them in different ways: the first that is in force here. */
function allowUserNamespaces(): readonly { readonly label: string; readonly command: string }[] {
  const isSetTo = (setting: string, value: string) => {
    const file = `/proc/sys/${setting.replaceAll('.', '/')}`;
    return existsSync(file) && readFileSync(file, 'utf8').trim() === value;
  };
  const found = [
    { setting: 'kernel.apparmor_restrict_unprivileged_userns', forbidden: '1', allowed: '0' },
    { setting: 'kernel.unprivileged_userns_clone', forbidden: '0', allowed: '1' },
    { setting: 'user.max_user_namespaces', forbidden: '0', allowed: '10000' },
  ].find(({ setting, forbidden }) => isSetTo(setting, forbidden));
  return found === undefined
    ? []
    : [{ label: 'Allow user namespaces', command: `sudo sysctl -w ${found.setting}=${found.allowed}` }];
}

function checkPrograms(): void {
  if (process.platform !== 'linux') {
    throw new AppError({ code: 'sandbox.unsupported', message: 'The sandbox runs on Linux only' });
  }
  const missing = programs.filter((program) => !programDirectories.some((directory) => existsSync(join(directory, program))));
  if (missing.length === 0) return;
  throw new AppError({
    code: 'sandbox.unsupported',
    message: `The sandbox needs programs that are not installed: ${missing.join(', ')}`,
    remedies: [{ label: 'Install them', command: 'sudo apt install iproute2 nftables util-linux hostname' }],
  });
}

async function runScript([program = '', ...args]: readonly string[], script: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    const options = { timeout: scriptTimeoutMs, env: { PATH: systemPath, LC_ALL: 'C' }, maxBuffer: 8 << 20 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const reason = stderr.trim() === '' ? error.message : stderr.trim();
      return reject(new AppError({ code: 'internal', message: 'A command inside of the sandbox failed', reason }, error));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(script);
  });
}

/** One connection, one request at a time: answers carry no number. */
function socketBroker(path: string): { open(request: SocketRequest): Promise<number>; close(): void } {
  const connection = connectUnix(path, startTimeoutMs);
  let isClosed = false;
  let last: Promise<unknown> = Promise.resolve();
  const ask = async (request: SocketRequest): Promise<number> => {
    if (isClosed) throw new AppError({ code: 'internal', message: 'The sandbox has stopped' });
    writeAll(connection, Buffer.from(`${JSON.stringify(request)}\n`));
    const { data, descriptors } = await receiveDescriptors(connection, 4_096);
    const [descriptor] = descriptors;
    if (descriptor !== undefined) return descriptor;
    throw new AppError({ code: 'internal', message: 'No socket could be opened in the sandbox', reason: data.toString() });
  };
  return {
    open: async (request) => {
      const answer = last.then(async () => await ask(request));
      last = answer.catch(() => undefined);
      return await answer;
    },
    close: () => {
      if (isClosed) return;
      isClosed = true;
      // A request under way still reads from it.
      void last.then(() => closeSync(connection));
    },
  };
}

/** Removes what a killed sandbox left on disk; there is nothing else that it can leave. */
export async function clearDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true, mode: 0o700 });
}
