import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Laptop } from '../../e2e/laptop/laptop.ts';
import { killGroup } from '../../e2e/support/program.ts';
import { settings } from '../../e2e/support/settings.ts';
import type { Target } from '../programs/exchange.ts';

const startTimeoutMs = 15_000;

/** `kubectl port-forward` on the laptop, to one pod. It ends by itself after some errors; `ready()` starts it again. */
export class PortForward {
  readonly #laptop: Laptop;
  readonly #argv: readonly string[];
  readonly #podPorts: readonly number[];
  #child: ChildProcess | undefined;
  #laptopPorts = new Map<number, number>();
  restarts = -1;

  constructor(laptop: Laptop, namespace: string, pod: string, podPorts: readonly number[]) {
    this.#laptop = laptop;
    this.#podPorts = podPorts;
    const pairs = podPorts.map((port) => `:${port}`);
    this.#argv = [kubectl(), 'port-forward', '--namespace', namespace, `pod/${pod}`, ...pairs];
  }

  async ready(): Promise<void> {
    if (this.#child !== undefined) return;
    const child = this.#laptop.spawn(this.#argv);
    this.#child = child;
    this.restarts += 1;
    const found = new Map<number, number>();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      // It writes a line for each connection, too.
      if (found.size === this.#podPorts.length) return;
      text += chunk.toString();
      for (const [, from, to] of text.matchAll(/127\.0\.0\.1:(\d+) -> (\d+)\n/g)) found.set(Number(to), Number(from));
      if (found.size === this.#podPorts.length) resolve();
    });
    let errors = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-2_000);
    });
    child.on('error', reject);
    child.on('exit', () => {
      if (this.#child === child) this.#child = undefined;
      reject(new Error(`kubectl port-forward ended: ${errors.trim()}`));
    });
    const timer = setTimeout(() => reject(new Error('kubectl port-forward does not get ready')), startTimeoutMs);
    await promise.finally(() => clearTimeout(timer));
    this.#laptopPorts = found;
  }

  target(podPort: number): Target {
    const port = this.#laptopPorts.get(podPort);
    if (port === undefined) throw new Error(`kubectl port-forward has no port for ${podPort}`);
    return { host: '127.0.0.1', port };
  }

  stop(): void {
    if (this.#child !== undefined) killGroup(this.#child, 'SIGKILL');
    this.#child = undefined;
  }
}

function kubectl(): string {
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), join(settings.clusterState, 'bin')];
  const found = directories.map((directory) => join(directory, 'kubectl')).find((path) => existsSync(path));
  if (found === undefined) throw new Error('kubectl is not in PATH');
  return found;
}
