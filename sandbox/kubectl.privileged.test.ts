import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { productVersion } from '#base/common/version.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';

const program = `
const server = require('node:http').createServer((request, response) => {
  console.log('asked for ' + request.url);
  response.end('hello from ' + require('node:os').hostname());
});
server.listen(8080, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
`;

const manifest = (message: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 2
      containers:
        - name: app
          image: localhost/node:24
          command: [node, -e, ${JSON.stringify(program)}]
          env: [{ name: MESSAGE, value: ${message} }]
          ports: [{ containerPort: 8080, name: http }]
          readinessProbe: { tcpSocket: { port: http }, periodSeconds: 1 }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80, targetPort: http }] }
`;

const kubectl = findKubectl();
const obstacle = findObstacle();

describe.skipIf(obstacle !== undefined)(
  `kubectl and the sandbox${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'tpsb-kubectl-'));
    const running = new Set<ChildProcess>();
    let sandbox: Sandbox;

    const env = () => ({ ...process.env, KUBECONFIG: sandbox.kubeconfig, HOME: directory });

    async function run(args: readonly string[], input = ''): Promise<{ code: number; stdout: string; stderr: string }> {
      const child = spawn(kubectl ?? '', args, { env: env(), stdio: 'pipe' });
      const output = { stdout: '', stderr: '' };
      child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
      child.stdin.end(input);
      const [code] = (await once(child, 'close')) as [number];
      return { code, ...output };
    }

    async function must(args: readonly string[], input = ''): Promise<string> {
      const { code, stdout, stderr } = await run(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr}`);
      return stdout;
    }

    /** The first line that fits, of a kubectl that goes on. */
    async function lineOf(args: readonly string[], pattern: RegExp): Promise<string> {
      const child = spawn(kubectl ?? '', args, { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
      running.add(child);
      for await (const line of createInterface({ input: child.stdout })) if (pattern.test(line)) return line;
      throw new Error(`kubectl ${args.join(' ')} ended before ${String(pattern)}`);
    }

    beforeAll(async () => {
      const bundles = join(directory, 'bundles');
      execFileSync('mkdir', ['-p', bundles]);
      for (const name of ['manager.js', 'agent.js']) writeFileSync(join(bundles, name), '');
      sandbox = await startSandbox({
        directory: join(directory, 'sandbox'),
        programs: { node: process.execPath, bundles },
        version: productVersion,
      });
      await must(['apply', '-f', '-'], manifest('one'));
      await must(['rollout', 'status', 'deployment/web', '--timeout=15s']);
    });
    afterEach(async () => {
      for (const child of running) {
        if (child.exitCode === null && child.kill()) await once(child, 'exit');
        running.delete(child);
      }
    });
    afterAll(async () => {
      await sandbox?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    it('gets tables, and describes with events', async () => {
      expect(await must(['get', 'deployment,service', '-o', 'wide'])).toMatch(
        /deployment.apps\/web +2\/2 +2 +2[\s\S]*ClusterIP +10\.202\./,
      );
      expect(await must(['get', 'pods'])).toMatch(/^NAME +READY +STATUS +RESTARTS +AGE\nweb-\S+ +1\/1 +Running +0/);
      expect(await must(['describe', 'pod', '-l', 'app=web'])).toMatch(/Events:[\s\S]*Started container app/);
    });

    it('applies again, and says what is as it was', async () => {
      expect(await must(['apply', '-f', '-'], manifest('one'))).toBe('deployment.apps/web unchanged\nservice/web unchanged\n');
      expect(await must(['diff', '-f', '-'], manifest('one'))).toBe('');
      expect(await must(['apply', '--server-side', '--force-conflicts', '-f', '-'], manifest('one'))).toContain(
        'serverside-applied',
      );
    });

    it('runs programs, with input, output and exit code', async () => {
      const outcome = await run(['exec', '-i', 'deployment/web', '--', 'sh', '-c', 'cat; echo err >&2; exit 3'], 'input');
      expect(outcome).toMatchObject({ code: 3, stdout: 'input' });
      expect(outcome.stderr).toContain('err\n');
    });

    it('forwards ports, and follows logs', async () => {
      const line = await lineOf(['port-forward', 'service/web', ':80'], /Forwarding from 127/);
      const port = /127\.0\.0\.1:([0-9]+)/.exec(line)?.[1];
      const [answer, log] = await Promise.all([
        fetch(`http://127.0.0.1:${port}/marker`).then(async (response) => await response.text()),
        lineOf(['logs', '-f', '-l', 'app=web'], /marker/),
      ]);
      expect(answer).toMatch(/^hello from web-/);
      expect(log).toBe('asked for /marker');
    });

    it('restarts a rollout, scales, waits and deletes', async () => {
      const before = await must(['get', 'pods', '-o', 'name']);
      await must(['rollout', 'restart', 'deployment/web']);
      await must(['rollout', 'status', 'deployment/web', '--timeout=15s']);
      await must(['scale', 'deployment/web', '--replicas=1']);
      await must(['wait', 'deployment/web', '--for=jsonpath={.status.readyReplicas}=1', '--timeout=15s']);
      expect((await must(['get', 'pods', '-o', 'name'])).split('\n').some((name) => name !== '' && before.includes(name))).toBe(
        false,
      );
      expect(await must(['delete', '-f', '-'], manifest('one'))).toContain('"web" deleted');
      await must(['wait', 'pod', '-l', 'app=web', '--for=delete', '--timeout=15s']);
      expect((await run(['get', 'deployment', 'web'])).stderr).toBe(
        'Error from server (NotFound): deployments.apps "web" not found\n',
      );
    });

    it('makes and deletes a namespace, and asks what one may do', async () => {
      await must(['create', 'namespace', 'made']);
      expect(await must(['auth', 'can-i', 'create', 'pods', '-n', 'made'])).toBe('yes\n');
      expect((await must(['create', 'token', 'default', '-n', 'made'])).split('.')).toHaveLength(3);
      await must(['delete', 'namespace', 'made', '--timeout=15s']);
    });
  },
);

function findKubectl(): string | undefined {
  const named = process.env['KUBECTL'] ?? '';
  if (named !== '') return named;
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'kubectl'))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

function findObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  return kubectl === undefined ? 'needs kubectl: there is none in PATH, and KUBECTL names none' : undefined;
}
