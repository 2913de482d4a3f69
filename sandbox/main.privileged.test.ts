import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { productPaths } from '#base/node/paths.ts';
import { findSandbox, launchSandbox, stopSandbox } from '#net/sandbox/launch-sandbox.ts';
import { controlSocketName } from '#protocol/sandbox/sandbox-control.ts';

const main = join(import.meta.dirname, 'main.ts');
const obstacle = findObstacle();

describe.skipIf(obstacle !== undefined)(`the sandbox's process${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, () => {
  const directory = mkdtempSync(join(tmpdir(), 'tpsb-main-'));
  const env = { ...process.env, HOME: directory, XDG_RUNTIME_DIR: directory, XDG_STATE_HOME: join(directory, 'state') };
  const stages: string[] = [];
  const place = {
    paths: productPaths(env),
    signal: new AbortController().signal,
    onStage: (stage: string) => void stages.push(stage),
  };
  const folder = join(place.paths.runtimeDirectory, 'sandbox');
  const launch = async (flags: Readonly<Record<string, string>> = {}) =>
    await launchSandbox({ ...place, nodePath: process.execPath, script: main, env, flags });

  async function post(path: string, body: object): Promise<number | undefined> {
    const request = http.request({ socketPath: join(folder, controlSocketName), method: 'POST', path, agent: false });
    request.end(JSON.stringify(body));
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    response.resume();
    return response.statusCode;
  }

  afterAll(async () => {
    await stopSandbox(place);
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
});

function findObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync(join(import.meta.dirname, '../dist/manager.js')) ? undefined : 'needs the bundles: npm run build';
}
