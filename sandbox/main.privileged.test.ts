import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { productPaths } from '#base/node/paths.ts';
import { findSandbox, launchSandbox, stopSandbox } from '#net/sandbox/launch-sandbox.ts';
import { controlSocketName } from '#protocol/sandbox/sandbox-control.ts';
import { runReadyPod, sandboxClient } from './testing/first-pod.ts';
import { findMachineObstacle } from './testing/machine-obstacle.ts';
import { remaining, surroundings, tracesBelow } from './testing/traces.ts';

const main = join(import.meta.dirname, 'main.ts');
const obstacle = findObstacle();

describe.skipIf(obstacle !== undefined)(`the sandbox's process${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tpsb-main-'));
  const temporary = join(directory, 'tmp');
  mkdirSync(temporary);
  const env = {
    ...process.env,
    HOME: directory,
    TMPDIR: temporary,
    XDG_RUNTIME_DIR: directory,
    XDG_STATE_HOME: join(directory, 'state'),
  };
  const stages: string[] = [];
  const place = {
    paths: productPaths(env),
    signal: new AbortController().signal,
    onStage: (stage: string) => void stages.push(stage),
  };
  const folder = join(place.paths.runtimeDirectory, 'sandbox');
  const launch = async (flags: Readonly<Record<string, string>> = {}, nodePath = process.execPath) =>
    await launchSandbox({ ...place, nodePath, script: main, env, flags });

  async function post(path: string, body: object): Promise<number | undefined> {
    const request = http.request({ socketPath: join(folder, controlSocketName), method: 'POST', path, agent: false });
    request.end(JSON.stringify(body));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    return response.statusCode;
  }

  afterEach(async () => void (await stopSandbox(place)));
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it('says why it does not start', async () => {
    // Of RFC 5737: no machine has it.
    await expect(launch({ address: '192.0.2.250' })).rejects.toThrow(/cannot listen on 192\.0\.2\.250|ended at once/);
    expect(await findSandbox(place)).toBeUndefined();
  });

  it('starts once, takes faults by its socket, and leaves nothing when it ends', async () => {
    const [one, other] = await Promise.all([launch(), launch()]);
    expect(other.pid).toBe(one.pid);
    expect(await findSandbox(place)).toEqual(one);
    expect(stages).toContain('Starting the node of the sandbox');
    expect(existsSync(one.kubeconfig)).toBe(true);
    expect(await post('/faults', { kind: 'api', path: '^/version$', effect: { kind: 'status', status: 503 } })).toBe(204);
    expect(await post('/faults', { kind: 'unheard-of' })).toBe(400);
    expect(await stopSandbox(place)).toBe(true);
    expect(existsSync(one.kubeconfig)).toBe(false);
    expect(await stopSandbox(place)).toBe(false);
  });

  it('has a first pod ready soon', { timeout: 60_000 }, async () => {
    const startedAt = performance.now();
    const { kubeconfig } = await launch();
    const client = sandboxClient(kubeconfig);
    await runReadyPod(client, 'first');
    const seconds = (performance.now() - startedAt) / 1_000;
    client.close();
    console.log(`From the start of a sandbox to its first ready pod: ${seconds.toFixed(2)} s`);
    // Nothing but a guard: 3 s are the aim, which `npm run bench` looks at.
    expect(seconds).toBeLessThan(30);
  });

  describe('on a machine of its own', { timeout: 60_000 }, () => {
    // Where others make interfaces and rules at the same time, nobody could tell whose are left. Who is not root
    // cannot change them at all.
    const isRoot = process.getuid?.() === 0;
    const holder = isRoot
      ? spawn('unshare', ['--net', '--mount', '--propagation=private', 'sh', '-c', 'ip link set lo up; echo; exec cat'], {
          stdio: ['pipe', 'pipe', 'inherit'],
          env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
        })
      : undefined;
    const enter = holder === undefined ? [] : ['nsenter', `--target=${holder.pid}`, '--net', '--mount', '--'];
    const look = () => (isRoot ? surroundings(enter) : {});
    const nodePath = join(directory, 'node');
    const podProgram = `
      import { runReadyPod, sandboxClient } from ${JSON.stringify(join(import.meta.dirname, 'testing/first-pod.ts'))};
      const client = sandboxClient(process.argv[1]);
      await runReadyPod(client, process.argv[2]);
      client.close();
    `;
    const startPod = (kubeconfig: string, name: string) => {
      const [program, ...args] = [...enter, process.execPath, '--input-type=module', '-e', podProgram, kubeconfig, name];
      execFileSync(program, args, { cwd: import.meta.dirname, stdio: ['ignore', 'ignore', 'inherit'] });
    };
    /** A sandbox with a pod, and what there is of it. */
    const launchWithPod = async () => {
      const { pid, kubeconfig } = await launch({}, nodePath);
      startPod(kubeconfig, 'one');
      const traces = tracesBelow(pid, holder?.pid ?? process.pid);
      // Its own and the machine's, and one of the pod's at least.
      expect(traces.processes.length).toBeGreaterThanOrEqual(3);
      expect(new Set(traces.namespaces.map((namespace) => namespace.split(':')[0]))).toEqual(
        new Set(['net', 'mnt', 'pid', 'ipc', 'uts', ...(isRoot ? [] : ['user'])]),
      );
      expect(remaining(traces)).toEqual(traces);
      return { pid, traces };
    };
    const nothing = { processes: [], namespaces: [] };

    beforeAll(async () => {
      writeFileSync(nodePath, `#!/bin/sh\nexec ${[...enter, process.execPath].join(' ')} "$@"\n`, { mode: 0o755 });
      if (holder !== undefined) await once(holder.stdout, 'data');
    });
    afterAll(() => void holder?.kill('SIGKILL'));

    it('leaves no namespace, interface, rule, mount, process or file when it is told to end', async () => {
      const before = look();
      const { traces } = await launchWithPod();
      expect(look()).toEqual(before);
      expect(await stopSandbox(place)).toBe(true);
      await vi.waitFor(() => expect(remaining(traces)).toEqual(nothing));
      expect(look()).toEqual(before);
      expect(existsSync(folder)).toBe(false);
      expect(readdirSync(temporary)).toEqual([]);
    });

    it('leaves nothing but files when it is killed, which the next one clears away', async () => {
      const before = look();
      const { pid, traces } = await launchWithPod();
      process.kill(pid, 'SIGKILL');
      await vi.waitFor(() => expect(remaining(traces)).toEqual(nothing), { timeout: 10_000 });
      expect(look()).toEqual(before);
      expect(readdirSync(temporary)).toEqual([]);
      expect(await findSandbox(place)).toBeUndefined();
      const { traces: next } = await launchWithPod();
      expect(await stopSandbox(place)).toBe(true);
      await vi.waitFor(() => expect(remaining(next)).toEqual(nothing));
      expect(existsSync(folder)).toBe(false);
    });
  });
});

function findObstacle(): string | undefined {
  return (
    findMachineObstacle() ??
    (existsSync(join(import.meta.dirname, '../dist/manager.js')) ? undefined : 'needs the bundles: npm run build')
  );
}
