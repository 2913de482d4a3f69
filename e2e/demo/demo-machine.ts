import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { delimiter } from 'node:path';
import { createInterface } from 'node:readline';
import { relevantLines } from '#sandbox/demo/machine-state.ts';
import { type LaptopSnapshot, takeSnapshot } from '../laptop/laptop-snapshot.ts';
import { killGroup, mustRun, type Outcome, type ProgramOptions, runProgram, spawnProgram } from '../support/program.ts';
import { checkout } from '../support/settings.ts';

export interface DemoRunOptions extends ProgramOptions {
  readonly uid: number;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Where a demo runs so that everything it starts can be listed afterwards, whoever became its parent and whatever it is called: in a PID
 * namespace, with mounts of its own. The network is that of `spawnRoot`: the machine's, or a laptop's.
 */
export interface DemoMachine {
  run(argv: readonly string[], options: DemoRunOptions): Promise<Outcome>;
  /** In a session of its own, as in a terminal of its own. */
  spawn(argv: readonly string[], options: DemoRunOptions): ChildProcess;
  /** Ctrl-C in the terminal of what `spawn` gave. */
  interrupt(child: ChildProcess): Promise<void>;
  /** What a demo could leave behind, as root sees it; asked of the system's own programs, never of the demo. */
  snapshot(): Promise<LaptopSnapshot>;
  /** Ends whatever runs there. */
  close(): Promise<void>;
}

export interface DemoMachineOptions {
  /** Starts a program as root, with the network that the demo shall have. */
  readonly spawnRoot?: (argv: readonly string[]) => ChildProcess;
  /** Whose files belong to the snapshot. */
  readonly directories: readonly string[];
}

/**
 * Most systems let every user open the TUN device; where the tests run it may be root's alone. Whoever loses its parent is reaped, and all
 * of it ends with the test's own process, whose pipe is read here.
 */
const firstProcess = `set -e
node=$(mktemp -u); mknod -m 666 "$node" c 10 200; mount --bind "$node" /dev/net/tun; rm "$node"
echo ready
exec 3<&0; cat <&3 >/dev/null & wait`;

/** Lists all processes but itself and those that only wait for their parents. */
const listProcesses = `const { readdirSync, readFileSync } = require('node:fs');
for (const pid of readdirSync('/proc')) {
  if (!/^[0-9]+$/.test(pid) || Number(pid) === process.pid) continue;
  try {
    if (/\\) [ZX] /.test(readFileSync('/proc/' + pid + '/stat', 'utf8'))) continue;
    console.log(pid + ' ' + readFileSync('/proc/' + pid + '/cmdline', 'utf8').replaceAll('\\0', ' ').replaceAll('\\n', ' ').trim());
  } catch {}
}`;

/** Files and mounts of containers that others on this machine start and end, those of the suite's Kubernetes among them. */
const ofContainers = /\bcni-[0-9a-f]{8}-[0-9a-f-]{27}$|\/(containerd|kubelet)\//;

export async function startDemoMachine({ spawnRoot = spawnProgram, directories }: DemoMachineOptions): Promise<DemoMachine> {
  const holder = spawnRoot(['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', firstProcess]);
  const { pid, stdout, stderr } = holder;
  if (pid === undefined || stdout === null || stderr === null) throw new Error('The machine of the demo was not started');
  let errors = '';
  stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const failed = once(holder, 'exit').then(() => {
    throw new Error(`The machine of the demo could not be made: ${errors}`);
  });
  failed.catch(() => undefined);
  await Promise.race([once(createInterface({ input: stdout }), 'line'), failed]);

  const enter = ['nsenter', `--target=${pid}`, '--mount', '--net', `--pid=/proc/${pid}/ns/pid_for_children`, '--'];
  const inside = (argv: readonly string[], { uid, cwd }: DemoRunOptions) => {
    const user = ['setpriv', '--reuid', String(uid), '--regid', String(uid), '--clear-groups'];
    return [...enter, ...user, 'env', `--chdir=${cwd}`, ...argv];
  };
  const withoutDirectory = ({ uid: _ofInside, cwd: _insideOnly, ...options }: DemoRunOptions): ProgramOptions => options;
  const shell = async (script: string) => await mustRun([...enter, 'sh', '-c', script]);
  return {
    run: async (argv, options) => await runProgram(inside(argv, options), withoutDirectory(options)),
    spawn: (argv, options) => spawnProgram(inside(['setsid', ...argv], options), withoutDirectory(options)),
    async interrupt(child) {
      // What enters a PID namespace waits outside of it for the program, which leads the session.
      const [leader] = (await mustRun(['ps', '-o', 'pid=', '--ppid', String(child.pid)])).trim().split('\n');
      if (leader === undefined || leader === '') throw new Error('The program has ended');
      process.kill(-Number(leader), 'SIGINT');
    },
    async snapshot() {
      const processes = (await mustRun([...enter, process.execPath, '-e', listProcesses])).trim().split('\n');
      const found = await takeSnapshot({ shell, directories, processes: processes.map((command) => ({ command })) });
      const mounts = (await shell('cut -d" " -f4,5 /proc/self/mountinfo; ls -A /run/netns 2>/dev/null || true')).split('\n');
      const all = { ...found, mounts: mounts.filter((line) => !/ns[/]l-[0-9A-Za-z]{6}$|^l-[0-9A-Za-z]{6}$/.test(line)) };
      return Object.fromEntries(
        Object.entries(all).map(([name, lines]) => [
          name,
          relevantLines(lines.filter((line) => !ofContainers.test(line)).join('\n')),
        ]),
      );
    },
    async close() {
      if (holder.exitCode !== null || holder.signalCode !== null) return;
      const ended = once(holder, 'exit');
      // The first process of a PID namespace takes all others with it.
      killGroup(holder, 'SIGKILL');
      await ended;
    },
  };
}

/** Without the programs of this checkout: what it starts is to do with the Node that the machine has. */
export function pathOfMachine(): string {
  const parts = (process.env['PATH'] ?? '').split(delimiter);
  return parts.filter((part) => !part.split('/').includes('node_modules') && !part.startsWith(checkout)).join(delimiter);
}
