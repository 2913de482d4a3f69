import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { productVersion } from '#base/common/version.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';
import { findKubectl } from './testing/kubectl.ts';
import { findMachineObstacle } from './testing/machine-obstacle.ts';

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

// In CI the test fails where there is none: .ci/run makes one ready before.
const isCi = (process.env['CI'] ?? '') !== '';
const kubectl = kubectlOrReason();
const obstacle = findMachineObstacle() ?? (kubectl.path === undefined && !isCi ? kubectl.reason : undefined);

describe.skipIf(obstacle !== undefined)(
  `kubectl and the sandbox${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'tpsb-kubectl-'));
    const running = new Set<ChildProcess>();
    let sandbox: Sandbox;

    const env = () => ({ ...process.env, KUBECONFIG: sandbox.kubeconfig, HOME: directory });

    async function run(args: readonly string[], input = ''): Promise<{ code: number; stdout: string; stderr: string }> {
      const child = spawn(kubectl.path ?? '', args, { env: env(), stdio: 'pipe' });
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

    /** A kubectl that goes on: each call waits for the next line that fits. */
    function follow(args: readonly string[]): (pattern: RegExp) => Promise<string> {
      const child = spawn(kubectl.path ?? '', args, { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
      running.add(child);
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      return async (pattern) => {
        for (;;) {
          const { done, value } = await lines.next();
          if (done === true) throw new Error(`kubectl ${args.join(' ')} ended before ${String(pattern)}`);
          if (pattern.test(value)) return value;
        }
      };
    }

    beforeAll(async () => {
      if (kubectl.path === undefined) throw new Error(kubectl.reason);
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
      const line = await follow(['port-forward', 'service/web', ':80'])(/Forwarding from 127/);
      const origin = `http://127.0.0.1:${/127\.0\.0\.1:([0-9]+)/.exec(line)?.[1]}`;
      const ask = async (path: string) => await (await fetch(`${origin}${path}`)).text();
      const pod = /^hello from (web-\S+)$/.exec(await ask('/early'))?.[1] ?? '';
      const nextLine = follow(['logs', '-f', pod]);
      // What was there is out, so whatever comes after it was followed.
      expect(await nextLine(/early/)).toBe('asked for /early');
      for (const path of ['/late', '/later']) {
        await ask(path);
        expect(await nextLine(/late/)).toBe(`asked for ${path}`);
      }
      expect(await must(['logs', pod, '--tail=2'])).toBe('asked for /late\nasked for /later\n');
      const ofBoth = follow(['logs', '-f', '-l', 'app=web', '--prefix', '--tail=-1']);
      expect(await ofBoth(/later/)).toBe(`[pod/${pod}/app] asked for /later`);
      await ask('/latest');
      expect(await ofBoth(/latest/)).toBe(`[pod/${pod}/app] asked for /latest`);
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

    it('creates Deployments and Services by command, and says what it does not take so', async () => {
      const command = ['--', 'node', '-e', "setInterval(() => 0, 1000); process.on('SIGTERM', () => process.exit(0))"];
      await must(['create', 'deployment', 'made', '--image=localhost/node:24', '--replicas=2', '--port=8080', ...command]);
      await must(['rollout', 'status', 'deployment/made', '--timeout=15s']);
      const made = JSON.parse(await must(['get', 'deployment', 'made', '-o', 'json'])) as object;
      expect(made).toMatchObject({
        metadata: { labels: { app: 'made' } },
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'made' } },
          template: { spec: { containers: [{ name: 'node', command: command.slice(1), ports: [{ containerPort: 8080 }] }] } },
        },
      });
      await must(['create', 'service', 'clusterip', 'made', '--tcp=80:8080']);
      const service = JSON.parse(await must(['get', 'service', 'made', '-o', 'json'])) as object;
      expect(service).toMatchObject({
        spec: { type: 'ClusterIP', selector: { app: 'made' }, ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }] },
      });
      expect((await run(['create', 'quota', 'made', '--hard=pods=3'])).stderr).toContain('is taken as JSON or YAML only');
      await must(['delete', 'deployment,service', 'made']);
    });

    it('makes and deletes a namespace, and asks what one may do', async () => {
      await must(['create', 'namespace', 'made']);
      expect(await must(['auth', 'can-i', 'create', 'pods', '-n', 'made'])).toBe('yes\n');
      expect((await must(['create', 'token', 'default', '-n', 'made'])).split('.')).toHaveLength(3);
      await must(['delete', 'namespace', 'made', '--timeout=15s']);
    });
  },
);

function kubectlOrReason(): { readonly path?: string; readonly reason: string } {
  try {
    return { path: findKubectl(), reason: '' };
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}
