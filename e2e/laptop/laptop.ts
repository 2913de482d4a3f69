import type { ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.ts';
import { mustRun, type Outcome, type ProgramOptions, runProgram, spawnProgram } from '../support/program.ts';
import { checkout } from '../support/settings.ts';
import { laptopRecords } from './laptop-records.ts';
import { type LaptopSnapshot, takeSnapshot } from './laptop-snapshot.ts';
import { NameServer, type NameServerRecords } from './name-server.ts';
import { startPrivilegeBroker } from './privilege-broker.ts';

export interface LaptopOptions {
  /** Hosts outside that it has a route to: the API server. */
  readonly reaches: readonly string[];
  readonly records?: NameServerRecords;
}

export interface LaptopRunOptions extends ProgramOptions {
  /** Default `user`: an ordinary one, with a home of its own. */
  readonly as?: 'user' | 'root';
}

/** Where the laptops of this machine keep their folders, so that one left behind by a killed run can be swept away. */
const laptopsDirectory = join(tmpdir(), 'telepresence-e2e');

/**
 * A network namespace and a mount namespace that play a developer's laptop. It reaches the API server and a name server, has
 * no default route and no way to pods or services, so what works in it went through the product. `/run` is its own and empty, `/etc`
 * is an overlay: a program may replace `resolv.conf` without touching the machine's. An ordinary user exists only in there.
 *
 * ```
 *   machine  ── veth ──  eth0 laptop
 *   .1: DNS              .2, after changeAddress() .3, …
 * ```
 */
export class Laptop {
  readonly name: string;
  readonly gateway: string;
  readonly home: string;
  readonly runtimeDirectory: string;
  readonly nameServer: NameServer;
  readonly uid = randomInt(20_000, 60_000);
  readonly #directory: string;
  readonly #subnet: string;
  readonly #reaches: readonly string[];
  readonly #disposers: (() => Promise<void> | void)[] = [];
  #host = 2;
  #holder = 0;

  private constructor(directory: string, subnet: string, options: LaptopOptions) {
    this.#directory = directory;
    this.#subnet = subnet;
    this.#reaches = options.reaches;
    this.name = directory.slice(directory.lastIndexOf('/') + 1);
    this.gateway = `${subnet}.1`;
    this.home = join(directory, 'home');
    this.runtimeDirectory = join(directory, 'runtime');
    this.nameServer = new NameServer(options.records ?? laptopRecords);
  }

  static async create(options: LaptopOptions): Promise<Laptop> {
    await sweepLaptops();
    const directory = await mkdtemp(join(laptopsDirectory, 'l-'));
    await chmod(directory, 0o755);
    await writeFile(join(directory, 'owner'), String(process.pid));
    const laptop = new Laptop(directory, await freeSubnet(), options);
    try {
      await laptop.#start();
      return laptop;
    } catch (error) {
      await laptop.close();
      throw error;
    }
  }

  get address(): string {
    return `${this.#subnet}.${this.#host}`;
  }

  get environment(): Readonly<Record<string, string>> {
    return {
      PATH: `${join(this.#directory, 'bin')}:${join(checkout, 'bin')}:${join(checkout, 'node_modules/.bin')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: this.home,
      USER: 'dev',
      LOGNAME: 'dev',
      LANG: 'C.UTF-8',
      TERM: 'dumb',
      NO_COLOR: '1',
      KUBECONFIG: join(this.home, '.kube/config'),
      XDG_RUNTIME_DIR: this.runtimeDirectory,
      XDG_CONFIG_HOME: join(this.home, '.config'),
      XDG_STATE_HOME: join(this.home, '.local/state'),
      XDG_CACHE_HOME: join(this.home, '.cache'),
    };
  }

  /** Lets the user open the TUN device, as most systems do; where the tests run it may be root's alone. */
  async openTunForAll(): Promise<void> {
    if ((await this.run(['test', '-w', '/dev/net/tun'])).code === 0) return;
    const node = join(this.home, 'tun');
    await this.must(['sh', '-c', `mknod -m 666 ${node} c 10 200 && mount --bind ${node} /dev/net/tun`], { as: 'root' });
  }

  /** Runs a program on the laptop to its end. */
  async run(argv: readonly string[], options: LaptopRunOptions = {}): Promise<Outcome> {
    return await runProgram(this.#inside(argv, options), this.#programOptions(options));
  }

  /** Like `run`, and throws where it failed. */
  async must(argv: readonly string[], options: LaptopRunOptions = {}): Promise<string> {
    return await mustRun(this.#inside(argv, options), this.#programOptions(options));
  }

  /** A program that goes on; `close()` ends it at the latest. */
  spawn(argv: readonly string[], options: LaptopRunOptions = {}): ChildProcess {
    return spawnProgram(this.#inside(argv, options), this.#programOptions(options));
  }

  /** What the product could leave behind, for comparison before and after. */
  async snapshot(): Promise<LaptopSnapshot> {
    return await takeSnapshot({
      shell: async (script) => await this.must(['sh', '-c', script], { as: 'root' }),
      directories: ['/run', this.runtimeDirectory],
      processes: await this.processes(),
    });
  }

  /** Programs that run on the laptop. */
  async processes(): Promise<readonly { readonly pid: number; readonly command: string }[]> {
    const pids = (await mustRun(['ip', 'netns', 'pids', this.name])).split('\n').filter((line) => line !== '');
    const found = await Promise.all(
      pids.map(async (pid) => {
        const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
        return { pid: Number(pid), command };
      }),
    );
    // A zombie has no command line: it waits for its parent and is nobody's leftover.
    return found.filter(({ pid, command }) => pid !== this.#holder && command !== '');
  }

  /** Sends a signal to every program whose command line matches; returns how many there were. */
  async signal(signal: NodeJS.Signals, command = /./): Promise<number> {
    const targets = (await this.processes()).filter((process) => command.test(process.command));
    for (const { pid } of targets) {
      try {
        process.kill(pid, signal);
      } catch {
        // It has ended.
      }
    }
    return targets.length;
  }

  /** The lid closes: every program stops where it is. */
  async freeze(): Promise<void> {
    await this.signal('SIGSTOP');
  }

  async thaw(): Promise<void> {
    await this.signal('SIGCONT');
  }

  /** Another address in the same network, as after a DHCP change; connections from the old one are dead without knowing it. */
  async changeAddress(): Promise<void> {
    const old = this.address;
    this.#host += 1;
    await mustRun(['ip', '-n', this.name, 'address', 'add', `${this.address}/24`, 'dev', 'eth0']);
    await mustRun(['ip', '-n', this.name, 'address', 'del', `${old}/24`, 'dev', 'eth0']);
    // With the first address of a subnet the kernel removes the others.
    await mustRun(['ip', '-n', this.name, 'address', 'replace', `${this.address}/24`, 'dev', 'eth0']);
    await this.#addRoutes();
  }

  /** A host outside, at an address of the machine that the laptop has a route to. */
  async addOutsideAddress(address: string, isRouted: boolean): Promise<void> {
    await mustRun(['ip', 'address', 'replace', `${address}/32`, 'dev', this.#link]);
    if (isRouted) await mustRun(['ip', '-n', this.name, 'route', 'replace', `${address}/32`, 'via', this.gateway]);
  }

  async writeFile(name: string, text: string): Promise<string> {
    const path = join(this.home, name);
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, text, { mode: 0o600 });
    await mustRun(['chown', '-R', `${this.uid}:${this.uid}`, this.home]);
    return path;
  }

  /** Ends its programs and removes it, whatever state it is in. */
  async close(): Promise<void> {
    for (const dispose of this.#disposers.toReversed()) await dispose();
    await removeLaptop(this.name);
  }

  get #link(): string {
    return `v-${this.name}`;
  }

  async #start(): Promise<void> {
    const { name } = this;
    await mustRun(['ip', 'netns', 'add', name]);
    await mustRun(['ip', 'link', 'add', this.#link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name]);
    await mustRun(['ip', 'address', 'add', `${this.gateway}/24`, 'dev', this.#link]);
    await mustRun(['ip', 'link', 'set', this.#link, 'up']);
    await mustRun(['ip', '-n', name, 'address', 'add', `${this.address}/24`, 'dev', 'eth0']);
    await mustRun(['ip', '-n', name, 'link', 'set', 'lo', 'up']);
    await mustRun(['ip', '-n', name, 'link', 'set', 'eth0', 'up']);
    await this.#addRoutes();
    await this.#makeHome();
    await this.#makeMounts();
    await this.nameServer.listen(this.gateway);
    this.#disposers.push(() => this.nameServer.close());
    this.#disposers.push(await startPrivilegeBroker(this, join(this.#directory, 'bin')));
    // Link-local IPv6 addresses appear a moment after the link is up; a snapshot must not see them come.
    await eventually('the link settles', async () => {
      const text = await mustRun(['ip', '-n', name, '-6', 'address', 'show', 'dev', 'eth0']);
      if (text.includes('tentative')) throw new Error('addresses are tentative');
    });
  }

  async #addRoutes(): Promise<void> {
    for (const host of this.#reaches)
      await mustRun(['ip', '-n', this.name, 'route', 'replace', `${host}/32`, 'via', this.gateway]);
  }

  async #makeHome(): Promise<void> {
    for (const directory of [this.home, this.runtimeDirectory, join(this.#directory, 'bin')])
      await mkdir(directory, { recursive: true });
    await chmod(this.runtimeDirectory, 0o700);
    for (const directory of [this.home, this.runtimeDirectory]) await chown(directory, this.uid, this.uid);
  }

  async #makeMounts(): Promise<void> {
    const files = {
      'resolv.conf': `nameserver ${this.gateway}\noptions timeout:1 attempts:2\n`,
      'nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n',
      passwd: `root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534::/:/bin/false\ndev:x:${this.uid}:${this.uid}::${this.home}:/bin/bash\n`,
      group: `root:x:0:\nnogroup:x:65534:\ndev:x:${this.uid}:\n`,
    };
    const source = join(this.#directory, 'etc');
    await mkdir(source);
    for (const [file, text] of Object.entries(files)) await writeFile(join(source, file), text, { mode: 0o644 });
    // `/run` hides what the machine runs: D-Bus and systemd-resolved there belong to another network namespace.
    const script = `set -e
      mount --make-rprivate /
      mkdir ${this.#directory}/layer
      mount -t tmpfs -o mode=755 tmpfs ${this.#directory}/layer
      mkdir ${this.#directory}/layer/upper ${this.#directory}/layer/work
      cp ${source}/* ${this.#directory}/layer/upper/
      # In a user namespace there is no overlay above mounts that came with it, as containers have them in /etc.
      if ! mount -t overlay overlay -o lowerdir=/etc,upperdir=${this.#directory}/layer/upper,workdir=${this.#directory}/layer/work /etc 2>/dev/null; then
        mkdir ${this.#directory}/layer/etc
        cp -RP /etc/. ${this.#directory}/layer/etc/ 2>/dev/null || true
        cp ${source}/* ${this.#directory}/layer/etc/
        mount --bind ${this.#directory}/layer/etc /etc
      fi
      findmnt -rno TARGET | grep ^/run/ | sort -r | xargs -r -n 1 umount -l || true
      mount -t tmpfs -o mode=755 tmpfs /run
      echo ready
      exec sleep infinity`;
    const holder = spawnProgram(['ip', 'netns', 'exec', this.name, 'unshare', '-m', 'sh', '-c', script]);
    let errors = '';
    holder.stderr?.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const ready = holder.stdout === null ? Promise.reject(new Error('no output')) : once(holder.stdout, 'data');
    await Promise.race([
      ready,
      once(holder, 'exit').then(() => {
        throw new Error(`the laptop's mounts could not be made: ${errors}`);
      }),
    ]);
    this.#holder = holder.pid ?? 0;
    holder.unref();
    for (const stream of [holder.stdin, holder.stdout, holder.stderr]) stream?.destroy();
  }

  #inside(argv: readonly string[], options: LaptopRunOptions): string[] {
    const uid = String(this.uid);
    const user = ['setpriv', '--reuid', uid, '--regid', uid, '--clear-groups'];
    return [
      'nsenter',
      `--target=${this.#holder}`,
      '--mount',
      '--net',
      '--',
      ...(options.as === 'root' ? [] : user),
      'env',
      `--chdir=${options.cwd ?? this.home}`,
      ...argv,
    ];
  }

  #programOptions(options: LaptopRunOptions): ProgramOptions {
    const root = options.as === 'root' ? { HOME: '/root', USER: 'root', LOGNAME: 'root' } : {};
    const { cwd: _insideOnly, ...rest } = options;
    return { ...rest, env: { ...this.environment, ...root, ...options.env } };
  }
}

/** Removes the laptops of test runs that are gone. */
export async function sweepLaptops(): Promise<void> {
  await mkdir(laptopsDirectory, { recursive: true, mode: 0o755 });
  for (const name of await readdir(laptopsDirectory)) {
    const owner = Number(await readFile(join(laptopsDirectory, name, 'owner'), 'utf8').catch(() => '0'));
    const state = await readFile(`/proc/${owner}/stat`, 'utf8').catch(() => '');
    // One that was killed may wait for its parent.
    const isAlive = state !== '' && !state.includes(') Z ');
    if (owner !== 0 && !isAlive) await removeLaptop(name);
  }
}

async function removeLaptop(name: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL', 'SIGKILL'] as const) {
    const pids = (await runProgram(['ip', 'netns', 'pids', name])).stdout.split('\n').filter((line) => line !== '');
    if (pids.length === 0) break;
    for (const pid of pids) {
      try {
        process.kill(Number(pid), 'SIGCONT');
        process.kill(Number(pid), signal);
      } catch {
        // It has ended.
      }
    }
    await sleep(200);
  }
  await runProgram(['ip', 'link', 'delete', `v-${name}`]);
  await runProgram(['ip', 'netns', 'delete', name]);
  await rm(join(laptopsDirectory, name), { recursive: true, force: true });
}

/** A /24 below 172.29.0.0/16 that no route of the machine knows. Returned without the last number. */
async function freeSubnet(): Promise<string> {
  const routes = await mustRun(['ip', '-4', 'route', 'show', 'table', 'all']);
  for (let tries = 0; tries < 100; tries += 1) {
    const subnet = `172.29.${randomInt(1, 255)}`;
    if (!routes.includes(`${subnet}.`)) return subnet;
  }
  throw new Error('every subnet that a laptop could use is taken');
}
