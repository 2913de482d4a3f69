import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { controlSocketName } from '#protocol/sandbox/sandbox-control.ts';
import { closers, directory, json, run } from '../testing/cli-harness.ts';

const ready = {
  state: 'ready',
  pid: 4711,
  server: 'https://127.0.0.1:6443',
  kubeconfig: '/run/sandbox/kubeconfig',
  context: 'telepresence-sandbox',
  since: 1_767_225_600,
};

/** Answers as a running sandbox, until it is told to stop. */
async function serveSandbox(): Promise<void> {
  const folder = join(directory, 'run', 'sandbox');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const server = http.createServer((request, response) => {
    if (request.url === '/stop') server.close();
    response.end(request.url === '/status' ? `${JSON.stringify(ready)}\n` : '');
  });
  server.listen(join(folder, controlSocketName));
  await once(server, 'listening');
  closers.push(async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
}

describe('sandbox', () => {
  it('says where it runs, and that it is not Kubernetes', async () => {
    await serveSandbox();
    const { code, stdout } = await run('sandbox status');
    expect(code).toBe(0);
    expect(stdout).toContain('The sandbox runs. It is a stand-in for trying things out, not Kubernetes.\n');
    expect(stdout).toMatch(
      /API server: https:\/\/127\.0\.0\.1:6443\n.*Kubeconfig: \/run\/sandbox\/kubeconfig\n.*Context {3}: telepresence-sandbox\n.*4711, since 2026-01-01T00:00:00\.000Z/,
    );
    const { state: _state, ...shown } = ready;
    expect(json(await run('sandbox status --output json'))).toEqual({ running: true, kubernetes: false, ...shown });
  });

  it('does not start a second one, and says how to use the one that runs', async () => {
    await serveSandbox();
    const { code, stdout } = await run('sandbox up');
    expect(code).toBe(0);
    expect(stdout).toContain('The sandbox runs already. It is a stand-in for trying things out, not Kubernetes.');
    expect(stdout).toContain(`export KUBECONFIG=${ready.kubeconfig}`);
    expect(json(await run('sandbox up --output json'))).toMatchObject({ running: true, started: false, kubernetes: false });
  });

  it('ends it, and says so where there is none', async () => {
    await serveSandbox();
    expect((await run('sandbox down')).stdout).toBe('The sandbox has ended\n');
    expect((await run('sandbox down')).stdout).toBe('No sandbox runs\n');
    expect(json(await run('sandbox down --output json'))).toEqual({ running: false, stopped: false });
    expect((await run('sandbox status')).stdout).toBe('No sandbox runs\n');
    expect(json(await run('sandbox status --output json'))).toEqual({ running: false });
  });

  it.each([
    ['--address nowhere', '--address nowhere is no IP address'],
    ['--port 65536', '--port 65536 is no port'],
    ['--port http', '--port http is no port'],
  ])('refuses %s', async (flags, message) => {
    const { code, stderr } = await run(`sandbox up ${flags}`);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(join(directory, 'run', 'sandbox'))).toBe(false);
  });
});
