import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { productPaths } from '#base/node/paths.ts';
import { launchSandbox, stopSandbox } from '#net/sandbox/launch-sandbox.ts';
import { runReadyPod, sandboxClient } from '#sandbox/testing/first-pod.ts';
import { checkout } from '../../e2e/support/settings.ts';
import type { Bench, Finding, Measure } from './measure.ts';

const quickRounds = 3;

/** Sandboxes of this machine itself, which need neither the laptop nor the cluster of the bed. */
async function sandboxes({ options }: Bench): Promise<readonly Finding[]> {
  const rounds = options.isQuick ? Math.min(quickRounds, options.rounds) : options.rounds;
  const ready: number[] = [];
  const down: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const directory = mkdtempSync(join(tmpdir(), 'bench-sandbox-'));
    const env = { ...process.env, HOME: directory, XDG_RUNTIME_DIR: join(directory, 'run') };
    mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
    const place = { paths: productPaths(env), signal: new AbortController().signal, onStage: () => undefined };
    try {
      const startedAt = performance.now();
      const script = join(checkout, 'sandbox/main.ts');
      const { kubeconfig } = await launchSandbox({ ...place, nodePath: process.execPath, script, env, flags: {} });
      const client = sandboxClient(kubeconfig);
      await runReadyPod(client, 'first');
      ready.push((performance.now() - startedAt) / 1_000);
      client.close();
    } finally {
      const stoppedAt = performance.now();
      await stopSandbox(place);
      down.push((performance.now() - stoppedAt) / 1_000);
      rmSync(directory, { recursive: true, force: true });
    }
  }
  return [
    { title: 'sandbox up → first pod ready', unit: 's', samples: { ours: ready }, bar: { reach: 'at-most', bar: 3 } },
    { title: 'sandbox down', unit: 's', samples: { ours: down } },
  ];
}

export const sandboxMeasures: readonly Measure[] = [{ name: 'sandbox', needsProduct: true, run: sandboxes }];
