import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** What runs for a sandbox: processes, and the namespaces that only they are in. */
export interface Traces {
  readonly processes: readonly string[];
  readonly namespaces: readonly string[];
}

/** Of a process and all that come from it; `host` is a process outside. A process is named by id and start, as ids are given out again. */
export function tracesBelow(pid: number, host: number): Traces {
  const all = readProcesses();
  const found = new Set([pid]);
  for (let size = 0; size !== found.size; ) {
    size = found.size;
    for (const process of all) if (found.has(process.parent)) found.add(process.pid);
  }
  const own = new Set(namespacesOf(host));
  return {
    processes: all.filter((process) => found.has(process.pid)).map(({ pid: id, start }) => `${id}@${start}`),
    namespaces: [...new Set([...found].flatMap(namespacesOf))].filter((namespace) => !own.has(namespace)),
  };
}

/** What of the traces is still there: processes that run, and namespaces that a process is in or a mount keeps. */
export function remaining(traces: Traces): Traces {
  const all = readProcesses();
  const alive = new Set(all.map(({ pid, start }) => `${pid}@${start}`));
  const held = new Set(all.flatMap(({ pid }) => [...namespacesOf(pid), ...pinnedNamespaces(pid)]));
  return {
    processes: traces.processes.filter((process) => alive.has(process)),
    namespaces: traces.namespaces.filter((namespace) => held.has(namespace)),
  };
}

/** What a sandbox could change around itself, in the namespaces of a process: interfaces, routes, rules of the packet filter, mounts. As far as this user may see it. */
export function surroundings(enter: readonly string[]): Readonly<Record<string, string>> {
  const commands = {
    interfaces: ['ip', '-brief', 'address'],
    routes: ['ip', 'route', 'show', 'table', 'all'],
    rules: ['nft', 'list', 'ruleset'],
    mounts: ['cat', '/proc/self/mountinfo'],
  };
  const env = { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };
  return Object.fromEntries(
    Object.entries(commands).map(([name, command]) => {
      const [program = '', ...args] = [...enter, ...command];
      const { stdout } = spawnSync(program, args, { encoding: 'utf8', env });
      return [name, stdout] as const;
    }),
  );
}

interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  /** In ticks since the machine started. */
  readonly start: string;
}

function readProcesses(): readonly RunningProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((name) => {
      try {
        // The second field is a name in brackets, which may hold anything.
        const fields = readFileSync(`/proc/${name}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        const [state, parent] = fields;
        // One that has ended, and whose parent has not asked yet, runs no more.
        return state === 'Z' ? [] : [{ pid: Number(name), parent: Number(parent), start: fields[19] ?? '' }];
      } catch {
        return [];
      }
    });
}

const kinds = ['net', 'mnt', 'pid', 'ipc', 'uts', 'user'];

function namespacesOf(pid: number): readonly string[] {
  return kinds.flatMap((kind) => {
    try {
      return [readlinkSync(`/proc/${pid}/ns/${kind}`)];
    } catch {
      return [];
    }
  });
}

/** Those that are kept by mounts, as `ip netns` does: `… - nsfs nsfs` with `net:[…]` for the root of the mount. */
function pinnedNamespaces(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').match(/\b(?:net|mnt|pid|ipc|uts|user):\[[0-9]+\]/g) ?? [];
  } catch {
    return [];
  }
}
