import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { agentVariables } from '#protocol/agent/agent-config.ts';

export type Place = 'pod' | 'neighbour';

export const [v4, v6] = [
  { pod: '10.99.7.2', neighbour: '10.99.7.1' },
  { pod: 'fd99:7::2', neighbour: 'fd99:7::1' },
] as const;

export const agentGroupId = 7_439;

/** The port on which a traffic-manager at the neighbour's is looked for. */
export const managerPort = 8_081;

const main = new URL('../main.ts', import.meta.url).pathname;

/** For tests, which say why they are skipped. */
export function findObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'not Linux';
  if (process.getuid?.() !== 0) return 'not root';
  for (const program of ['/usr/sbin/nft', '/usr/bin/setpriv']) if (!existsSync(program)) return `${program} is not installed`;
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'network namespaces are not available';
  }
}

/** The configuration of the agent in the pod, whose app has the container ports. */
export function networkPodConfig(ports: readonly object[]): string {
  return JSON.stringify({
    workload: { kind: 'Deployment', name: 'shop' },
    namespace: 'prod',
    managerHost: v4.neighbour,
    managerPort,
    managerNamespace: 'ambassador',
    agentImage: 'agent:1',
    logLevel: 'info',
    apiPort: 9_800,
    healthPort: 9_801,
    agentGroupId,
    containers: [{ name: 'main', mountPoint: '/m', envPrefix: '_TEL_APP_A_', mounts: [], ports }],
  });
}

/** A program in one of the namespaces that is spoken to in lines. */
export class PlacedProgram {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #waiting = new Set<{ readonly text: string; readonly heard: (line: string | undefined) => void }>();

  constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child;
    createInterface({ input: child.stdout }).on('line', (line) => {
      for (const one of this.#waiting) if (line.includes(one.text)) this.#hear(one, line);
    });
    child.once('exit', () => {
      for (const one of this.#waiting) this.#hear(one, undefined);
    });
  }

  /** The next line that holds the text. */
  async saying(text: string): Promise<string> {
    const line = await new Promise<string | undefined>((heard) => this.#waiting.add({ text, heard }));
    if (line === undefined) throw new Error(`It ended without "${text}"`);
    return line;
  }

  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /** @returns what it says next */
  async tell(line: string): Promise<string> {
    const answer = this.saying('');
    this.write(line);
    return await answer;
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #hear(one: { readonly heard: (line: string | undefined) => void; readonly text: string }, line: string | undefined): void {
    this.#waiting.delete(one);
    one.heard(line);
  }
}

/** For tests: a pod and its neighbour as two network namespaces with a cable between them; the agent runs as in a pod, with a group of its own. */
export class NetworkPod {
  readonly #namespaces: Readonly<Record<Place, string>>;
  readonly #programs: PlacedProgram[] = [];

  private constructor(namespaces: Readonly<Record<Place, string>>) {
    this.#namespaces = namespaces;
  }

  static create(): NetworkPod {
    const suffix = randomBytes(3).toString('hex');
    const namespaces = { pod: `tpagent-pod-${suffix}`, neighbour: `tpagent-peer-${suffix}` };
    for (const namespace of Object.values(namespaces)) execFileSync('ip', ['netns', 'add', namespace]);
    const bed = new NetworkPod(namespaces);
    bed.inside('pod', 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespaces.neighbour);
    for (const place of ['pod', 'neighbour'] as const) {
      bed.inside(place, 'ip', 'address', 'add', `${v4[place]}/24`, 'dev', 'eth0');
      bed.inside(place, 'ip', 'address', 'add', `${v6[place]}/64`, 'dev', 'eth0', 'nodad');
      bed.inside(place, 'ip', 'link', 'set', 'lo', 'up');
      bed.inside(place, 'ip', 'link', 'set', 'eth0', 'up');
    }
    return bed;
  }

  /** @returns the output of the command */
  inside(place: Place, ...command: string[]): string {
    return execFileSync('ip', ['netns', 'exec', this.#namespaces[place], ...command], { encoding: 'utf8', stdio: 'pipe' });
  }

  /** Resolves when the program says that it is ready. */
  async start(place: Place, command: readonly string[], ready: string, env: NodeJS.ProcessEnv = {}): Promise<PlacedProgram> {
    const child = spawn('ip', ['netns', 'exec', this.#namespaces[place], ...command], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const program = new PlacedProgram(child);
    this.#programs.push(program);
    await program.saying(ready);
    return program;
  }

  /** As the init container does, by default with the system's nft. @returns its log */
  runInit(config: string, nft = '/usr/sbin/nft'): string {
    // `ip` gives its children mounts of their own: the other nft is in nobody else's place.
    const script = 'test "$1" = "$2" || mount --bind "$1" "$2"; shift 2; exec "$@"';
    const command = ['sh', '-c', script, 'init', nft, '/usr/sbin/nft', process.execPath, main, 'init'];
    return execFileSync('ip', ['netns', 'exec', this.#namespaces.pod, ...command], {
      env: { ...process.env, ...agentEnvironment(config) },
      encoding: 'utf8',
      stdio: 'pipe',
    });
  }

  async startAgent(config: string): Promise<PlacedProgram> {
    const asAgent = ['setpriv', '--regid', String(agentGroupId), '--clear-groups'];
    return await this.start('pod', [...asAgent, process.execPath, main], 'Listening', agentEnvironment(config));
  }

  async stop(): Promise<void> {
    for (const program of this.#programs) await program.kill();
    for (const namespace of Object.values(this.#namespaces)) execFileSync('ip', ['netns', 'delete', namespace]);
  }
}

function agentEnvironment(config: string): NodeJS.ProcessEnv {
  return { [agentVariables.config]: config, [agentVariables.podIp]: v4.pod, [agentVariables.podName]: 'shop-1' };
}
