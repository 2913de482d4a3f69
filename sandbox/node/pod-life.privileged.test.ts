import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCidr } from '#base/common/cidr.ts';
import { silentLogger } from '#base/common/log.ts';
import { installHooks } from '../api/defaults/store-hooks.ts';
import { createImageRegistry } from '../programs/images.ts';
import { resources } from '../store/resources.ts';
import { ObjectStore } from '../store/store.ts';
import { findMachineObstacle } from '../testing/machine-obstacle.ts';
import type { Container, ContainerStatus, Pod, PodSpec } from './pod-types.ts';
import { type SandboxNode, startNode } from './start-node.ts';

const serviceCidr = '10.204.0.0/16';
const obstacle = findMachineObstacle();

/** What a container of these tests does after `script`: nothing, until it is told to end. */
const stay = "trap 'exit 0' TERM; while :; do sleep 0.05; done";
const shared = { name: 'shared', mountPath: '/shared' };

function shell(name: string, script: string, more: Partial<Container> = {}): Container {
  return { name, image: 'test/empty:1', command: ['sh', '-c', script], volumeMounts: [shared], ...more };
}

describe.skipIf(obstacle !== undefined)(`the life of a pod${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tpsb-life-'));
  const store = new ObjectStore();
  let node: SandboxNode;

  beforeAll(async () => {
    const images = createImageRegistry();
    images.register({ 'test/empty:1': {} });
    installHooks(store, { serviceCidr: parseCidr(serviceCidr) ?? { family: 4, value: 0n, prefix: 0 } });
    node = await startNode({
      store,
      images,
      directory: join(directory, 'node'),
      podCidr: '10.203.0.0/16',
      serviceCidr,
      firstBackOffMs: 200,
      authorities: 'certificate',
      now: Date.now,
      mintToken: ({ serviceAccount, audiences }) => `token of ${serviceAccount} for ${audiences.join()}`,
      acceptApiConnection: (connection) => connection.end(),
      log: silentLogger,
    });
  });
  afterAll(async () => {
    await node?.stop();
    rmSync(directory, { recursive: true });
  });

  it('runs init containers one after another, before the others', async () => {
    const seen = create('init', {
      initContainers: [shell('one', 'sleep 0.2; echo one >> /shared/order'), shell('two', 'echo two >> /shared/order')],
      containers: [shell('main', `cat /shared/order; ${stay}`)],
    });
    const pod = await seen.when(isReady);
    expect(await logOf('init', 'main', 2)).toBe('one\ntwo\n');
    expect(pod.status?.initContainerStatuses?.map(({ ready, state }) => [ready, state.terminated?.reason])).toEqual([
      [true, 'Completed'],
      [true, 'Completed'],
    ]);
    const waiting = seen.all.map(({ status }) => status?.containerStatuses?.[0]?.state.waiting?.reason);
    expect(new Set(waiting.filter((reason) => reason !== undefined))).toEqual(new Set(['ContainerCreating']));
    expect(seen.all.some((state) => isRunning(state, 'main') && !initDone(state))).toBe(false);
  });

  it('starts an init container that fails again, unless the pod says never', async () => {
    const script = '[ -e /shared/once ] && exit 0; touch /shared/once; exit 7';
    const again = await create('init-again', { initContainers: [shell('init', script)], containers: [shell('main', stay)] }).when(
      isReady,
    );
    expect(again.status?.initContainerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { terminated: { exitCode: 0 } },
      lastState: { terminated: { exitCode: 7, reason: 'Error' } },
    });
    const never = create('init-never', {
      restartPolicy: 'Never',
      initContainers: [shell('init', script)],
      containers: [shell('main', stay)],
    });
    const failed = await never.when(({ status }) => status?.phase === 'Failed');
    expect(failed.status?.initContainerStatuses?.[0]).toMatchObject({ restartCount: 0, state: { terminated: { exitCode: 7 } } });
    expect(never.all.some((state) => isRunning(state, 'main'))).toBe(false);
  });

  it('starts a sidecar before what comes after it, again when it ends, and ends it with the pod', async () => {
    const sidecar = `[ -e /shared/first ] || { touch /shared/first; exit 1; }; echo sidecar >> /shared/order; touch /shared/up; ${stay}`;
    const startupProbe = { exec: { command: ['test', '-e', '/shared/up'] }, periodSeconds: 1, failureThreshold: 30 };
    const seen = create('sidecar', {
      restartPolicy: 'Never',
      initContainers: [
        shell('sidecar', sidecar, { restartPolicy: 'Always', startupProbe }),
        shell('init', 'echo init >> /shared/order'),
      ],
      containers: [shell('main', 'cat /shared/order; sleep 0.3')],
    });
    const running = await seen.when((state) => isRunning(state, 'main'));
    expect(statusOf(running, 'sidecar')).toMatchObject({ started: true, ready: true, restartCount: 1 });
    const over = await seen.when(({ status }) => status?.phase === 'Succeeded' && !isRunning({ status }, 'sidecar'));
    expect(await logOf('sidecar', 'main', 2)).toBe('sidecar\ninit\n');
    expect(statusOf(over, 'sidecar')?.state.terminated).toMatchObject({ exitCode: 0 });
  });

  it('lets containers share a directory, and gives them files with their permissions', async () => {
    store.create(resources.secrets, { metadata: { namespace: 'default', name: 'keys' }, data: { key: encoded('hush') } });
    store.create(resources.configMaps, { metadata: { namespace: 'default', name: 'settings' }, data: { color: 'red' } });
    const about = { path: 'name', fieldRef: { fieldPath: 'metadata.name' } };
    const files = ['/keys/key', '/all/color', '/all/token', '/about/name', '/about/memory'];
    const reader = [
      'until [ -e /shared/word ]; do sleep 0.05; done',
      'cat /shared/word',
      ...files.map((file) => `echo $(stat -Lc %a ${file}) $(cat ${file})`),
      stay,
    ].join('\n');
    const memory = {
      path: 'memory',
      resourceFieldRef: { containerName: 'writer', resource: 'limits.memory', divisor: '1Mi' },
    };
    const names = ['keys', 'all', 'about'];
    const seen = create('files', {
      containers: [
        shell('reader', reader, { volumeMounts: [shared, ...names.map((name) => ({ name, mountPath: `/${name}` }))] }),
        shell('writer', `echo hello > /shared/word.new; mv /shared/word.new /shared/word; ${stay}`, {
          resources: { limits: { memory: '96Mi' } },
        }),
      ],
      volumes: [
        { name: 'shared', emptyDir: {} },
        { name: 'keys', secret: { secretName: 'keys', defaultMode: 0o400 } },
        {
          name: 'all',
          projected: {
            defaultMode: 0o440,
            sources: [{ configMap: { name: 'settings' } }, { serviceAccountToken: { path: 'token', audience: 'manager' } }],
          },
        },
        { name: 'about', downwardAPI: { items: [about, { ...memory, mode: 0o600 }] } },
      ],
    });
    await seen.when(isReady);
    expect(await logOf('files', 'reader', 6)).toBe(
      'hello\n400 hush\n440 red\n440 token of default for manager\n644 files\n600 96\n',
    );
  });

  it('counts a container as started and ready only once its startup probe says so', async () => {
    const startupProbe = { exec: { command: ['test', '-e', '/shared/up'] }, periodSeconds: 1, failureThreshold: 30 };
    // Would end it at once if it were asked before.
    const livenessProbe = { exec: { command: ['test', '-e', '/shared/up'] }, periodSeconds: 1, failureThreshold: 1 };
    const seen = create('startup', {
      containers: [shell('main', `sleep 0.4; touch /shared/up; ${stay}`, { startupProbe, livenessProbe })],
    });
    const pod = await seen.when(isReady);
    const states = seen.all.filter((state) => isRunning(state, 'main')).map((state) => statusOf(state, 'main'));
    expect(states[0]).toMatchObject({ started: false, ready: false });
    expect(states.some((state) => state?.ready === true && !state.started)).toBe(false);
    expect(statusOf(pod, 'main')).toMatchObject({ started: true, ready: true, restartCount: 0 });
  });

  it('starts a container again whose liveness probe fails', async () => {
    const livenessProbe = { exec: { command: ['test', '!', '-e', '/shared/bad'] }, periodSeconds: 1, failureThreshold: 1 };
    // The first process of a namespace does not hear of signals that it has not asked for.
    const script = `trap 'exit 0' TERM; if [ -e /shared/ran ]; then rm /shared/bad; else touch /shared/ran /shared/bad; fi; echo started; ${stay}`;
    const seen = create('liveness', { containers: [shell('main', script, { livenessProbe })] });
    const pod = await seen.when((state) => isReady(state) && statusOf(state, 'main')?.restartCount === 1);
    expect(statusOf(pod, 'main')?.lastState.terminated).toMatchObject({ exitCode: 0 });
    const previous = { isFollowed: false, isPrevious: true, hasTimestamps: false };
    expect(await text(await node.nodeApi.logs({ namespace: 'default', name: 'liveness' }, 'main', previous))).toBe('started\n');
    const events = store.list(resources.events, { fieldSelector: 'involvedObject.name=liveness' });
    const messages = events.map((event) => `${String(event['reason'])}: ${String(event['message'])}`);
    expect(messages).toContain('Killing: Container main failed liveness probe, will be restarted');
    expect(messages.some((message) => message.startsWith('Unhealthy: Liveness probe failed'))).toBe(true);
  });

  it('waits longer each time before it starts a container again that keeps failing', async () => {
    const seen = create('crash', { containers: [shell('main', 'exit 3')] });
    const pod = await seen.when((state) => statusOf(state, 'main')?.restartCount === 4);
    const waits = seen.all.flatMap((state) => {
      const waiting = statusOf(state, 'main')?.state.waiting;
      return waiting?.reason === 'CrashLoopBackOff' ? [/^back-off (\S+) restarting failed/.exec(waiting.message ?? '')?.[1]] : [];
    });
    // The first restart is at once, as the kubelet's.
    expect([...new Set(waits)]).toEqual(['0.2s', '0.4s', '0.8s']);
    expect(statusOf(pod, 'main')?.lastState.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
    expect(pod.status?.phase).toBe('Running');
    const reasons = store.list(resources.events, { fieldSelector: 'involvedObject.name=crash' }).map((event) => event['reason']);
    expect(reasons).toContain('BackOff');
  });

  it('runs what is to come before the end first', async () => {
    const script = "trap 'cat /shared/hook; exit 0' TERM; echo running; while :; do sleep 0.05; done";
    const hook = { exec: { command: ['sh', '-c', 'sleep 0.3; echo after the hook > /shared/hook'] } };
    const seen = create('hook', { containers: [shell('main', script, { lifecycle: { preStop: hook } })] });
    await seen.when(isReady);
    const name = { namespace: 'default', name: 'hook' };
    const log = await node.nodeApi.logs(name, 'main', { isFollowed: true, isPrevious: false, hasTimestamps: false });
    const lines = log[Symbol.asyncIterator]() as AsyncIterator<unknown>;
    expect(String((await lines.next()).value)).toBe('running\n');
    store.remove(resources.pods, 'default', 'hook');
    let rest = '';
    for (let next = await lines.next(); next.done !== true; next = await lines.next()) rest += String(next.value);
    expect(rest).toBe('after the hook\n');
    await seen.gone;
  });

  /** A pod, and every state that it was in. */
  function create(name: string, spec: PodSpec) {
    const all: Pod[] = [];
    const waiting = new Set<() => void>();
    const { promise: gone, resolve: setGone } = Promise.withResolvers<void>();
    store.watch<Pod>(resources.pods, { namespace: 'default', fieldSelector: `metadata.name=${name}` }, ({ type, object }) => {
      if (type === 'DELETED') setGone();
      else all.push(object);
      for (const look of waiting) look();
    });
    store.create(resources.pods, {
      metadata: { namespace: 'default', name },
      spec: { terminationGracePeriodSeconds: 5, volumes: [{ name: 'shared', emptyDir: {} }], ...spec },
    });
    const when = async (fits: (pod: Pod) => boolean): Promise<Pod> =>
      await new Promise((resolve) => {
        const look = () => {
          const found = all.find(fits);
          if (found === undefined) return;
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      });
    return { all, when, gone };
  }

  /** So many lines of a container's log, now or later. */
  async function logOf(name: string, container: string, lines: number): Promise<string> {
    const options = { isFollowed: true, isPrevious: false, hasTimestamps: false };
    const log = await node.nodeApi.logs({ namespace: 'default', name }, container, options);
    let found = '';
    for await (const chunk of log as AsyncIterable<unknown>) {
      found += String(chunk);
      if (found.split('\n').length > lines) break;
    }
    return found;
  }
});

function statusOf({ status }: Pick<Pod, 'status'>, name: string): ContainerStatus | undefined {
  return [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find((found) => found.name === name);
}

function isRunning(pod: Pick<Pod, 'status'>, name: string): boolean {
  return statusOf(pod, name)?.state.running !== undefined;
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
}

function initDone({ status }: Pod): boolean {
  return status?.initContainerStatuses?.every(({ state }) => state.terminated?.exitCode === 0) === true;
}

function encoded(content: string): string {
  return Buffer.from(content).toString('base64');
}

async function text(stream: AsyncIterable<unknown>): Promise<string> {
  let found = '';
  for await (const chunk of stream) found += String(chunk);
  return found;
}
