import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroup } from '../../e2e/support/program.ts';
import { settings } from '../../e2e/support/settings.ts';
import { deployment, service } from '../../e2e/workloads/manifests.ts';
import { timed } from '../measures/commands.ts';
import type { Target } from '../programs/exchange.ts';
import { type PortName, places, ports } from '../programs/ports.ts';
import type { BenchBed } from './bench-bed.ts';
import { targetsName } from './targets.ts';

const name = 'shop';

/** A workload like the targets that can be intercepted, and the program on the laptop that then takes its place. */
export class Intercepted {
  readonly #bed: BenchBed;
  readonly #handler: ChildProcess;
  readonly #host: string;

  private constructor(bed: BenchBed, handler: ChildProcess, host: string) {
    this.#bed = bed;
    this.#handler = handler;
    this.#host = host;
  }

  static async create(bed: BenchBed): Promise<Intercepted> {
    const { cluster, laptop, targets } = bed;
    await bed.prepare('ours');
    await applyShop(bed, name);
    const env = { [places.variable]: '1' };
    const handler = laptop.spawn(['node', join(import.meta.dirname, '../programs/pod.ts')], { env });
    return new Intercepted(bed, handler, await cluster.clusterIp(targets.namespace, name));
  }

  /** For callers in the cluster. */
  target(port: PortName): Target {
    return { host: this.#host, port: ports[port] };
  }

  /** Milliseconds until a caller in the cluster is answered by the laptop. By default one port is intercepted. */
  async intercept(chosen: readonly PortName[] = ['place']): Promise<number> {
    const flags = chosen.flatMap((port) => ['--port', `${ports[port]}:${port}`]);
    return await this.#untilAnswer(['intercept', name, ...flags], places.laptop);
  }

  /** Milliseconds until a caller in the cluster is answered by the pod. */
  async leave(): Promise<number> {
    return await this.#untilAnswer(['leave', name], places.cluster);
  }

  /** Takes the agent out, and waits until the pod runs alone. */
  async removeAgent(): Promise<void> {
    const { cluster, targets } = this.#bed;
    await timed(this.#bed, [settings.product, 'uninstall', name]);
    for (;;) {
      const pods = await cluster.pods(targets.namespace, `app=${name}`);
      if (pods.length === 1 && pods[0]?.spec.containers.length === 1) break;
      await sleep(100);
    }
    await cluster.readyPods(targets.namespace, name);
  }

  stop(): void {
    killGroup(this.#handler, 'SIGKILL');
  }

  /** The command ends, or callers have their answer: whichever is later. */
  async #untilAnswer(args: readonly string[], expected: string): Promise<number> {
    const startedAt = performance.now();
    await timed(this.#bed, [settings.product, ...args]);
    for (;;) {
      const answer = await askPlace(this.#host).catch(() => '');
      if (answer === expected) return performance.now() - startedAt;
      if (performance.now() - startedAt > 20_000) throw new Error(`callers are answered by ${answer} after ${args.join(' ')}`);
      await sleep(5);
    }
  }
}

/** A workload like it whose agent, which nobody uses, is passed by. */
export async function passedByAgent(bed: BenchBed): Promise<(port: PortName) => Target> {
  const passed = 'passed-by';
  await applyShop(bed, passed, { 'telepresence.io/inject-traffic-agent': 'enabled', 'telepresence.io/idle-path': 'direct' });
  const pods = await bed.cluster.readyPods(bed.targets.namespace, passed);
  if (pods.some(({ spec }) => spec.containers.length !== 2)) throw new Error(`${passed} has no agent`);
  const host = await bed.cluster.clusterIp(bed.targets.namespace, passed);
  return (port) => ({ host, port: ports[port] });
}

async function applyShop({ cluster, targets }: BenchBed, workload: string, annotations?: Record<string, string>): Promise<void> {
  const all = Object.entries(ports).map(([port, number]) => ({ name: port, port: number, targetPort: port }));
  const readiness = { tcpSocket: { port: ports.http } };
  await cluster.apply([
    deployment(targets.namespace, workload, {
      program: targetsName,
      ports: all,
      readiness,
      ...(annotations === undefined ? {} : { annotations }),
    }),
    service(targets.namespace, workload, all),
  ]);
  await cluster.readyPods(targets.namespace, workload);
}

async function askPlace(host: string): Promise<string> {
  const socket = net.connect({ host, port: ports.place });
  try {
    await once(socket, 'connect');
    return await text(socket);
  } finally {
    socket.destroy();
  }
}
