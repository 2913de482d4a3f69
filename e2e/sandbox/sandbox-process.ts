import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { controlSocketName, type ReadySandbox, sandboxReport } from '#protocol/sandbox/sandbox-control.ts';
import { kubeconfigText, readKubeContext } from '../support/kubeconfig.ts';
import { otherVersionImage, writeOtherVersion } from '../support/other-version.ts';
import { mustRun } from '../support/program.ts';
import { checkout } from '../support/settings.ts';

/** A sandbox whose node plays the machine: a program that runs inside reaches pods, Services and laptops as the host of a real cluster does. */
export interface SandboxProcess {
  /** For the programs that run inside: where the cluster is, and what of the suite's settings fits it. */
  readonly environment: Readonly<Record<string, string>>;
  /** Puts a program inside. */
  inside(argv: readonly string[]): readonly string[];
  stop(): Promise<void>;
}

/** The address at which laptops and tests reach the API server: of no subnet that a pod, a Service or a laptop has. */
const apiAddress = '172.28.0.1';
const apiPort = 6443;
const startTimeoutMs = 30_000;

export async function startSandboxProcess(): Promise<SandboxProcess> {
  const directory = await mkdtemp(join(tmpdir(), 'tp-sandbox-'));
  const sandboxDirectory = join(directory, 'sandbox');
  const logFile = join(directory, 'sandbox.log');
  const images = await writeImages(directory);
  const flags = ['--directory', sandboxDirectory, '--log-file', logFile, '--images', images];
  const child = spawn(process.execPath, [join(checkout, 'dist/sandbox.js'), ...flags], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, NODE_NO_WARNINGS: '1' },
    // Ctrl-C is for the runner, which then ends it.
    detached: true,
  });
  const stop = async () => {
    await endProcess(child);
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const control = join(sandboxDirectory, controlSocketName);
    const { kubeconfig } = await waitUntilReady(child, control, logFile);
    const inside = (argv: readonly string[]) => [
      'nsenter',
      `--net=${join(sandboxDirectory, 'node/namespaces/net')}`,
      '--',
      ...argv,
    ];
    await mustRun(inside(['ip', 'address', 'add', `${apiAddress}/32`, 'dev', 'lo']));
    const { cluster, user, namespace } = readKubeContext(kubeconfig);
    const entry = { ...cluster, server: `https://${apiAddress}:${apiPort}`, 'tls-server-name': 'kubernetes' };
    const kubeconfigInside = join(directory, 'kubeconfig');
    await writeFile(kubeconfigInside, kubeconfigText({ sandbox: { cluster: entry, user, namespace } }), { mode: 0o600 });
    const environment = {
      KUBECONFIG: kubeconfigInside,
      CLUSTER_STATE: directory,
      // Its images are programs of this machine.
      E2E_IMAGE_IMPORT: 'true',
      E2E_SANDBOX: control,
    };
    return { environment, inside, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Images = Record<string, { readonly files: Record<string, string> }>;

/** The images of `images.json`, and another version of the product's own. */
async function writeImages(directory: string): Promise<string> {
  const images = JSON.parse(await readFile(join(import.meta.dirname, 'images.json'), 'utf8')) as Images;
  for (const { files } of Object.values(images)) {
    for (const [target, source] of Object.entries(files)) files[target] = join(import.meta.dirname, source);
  }
  const other = join(directory, 'other-version');
  await writeOtherVersion(other);
  const files = {
    '/usr/bin/node': process.execPath,
    '/app/manager.js': join(other, 'manager.js'),
    '/app/agent.js': join(other, 'agent.js'),
  };
  const otherVersion = {
    entrypoint: ['/usr/bin/node', '/app/manager.js'],
    env: { NODE_ENV: 'production', NODE_NO_WARNINGS: '1', HOME: '/tmp' },
    workingDirectory: '/app',
    user: { uid: 1000, gid: 1000 },
    files,
  };
  const file = join(directory, 'images.json');
  await writeFile(file, JSON.stringify({ ...images, [otherVersionImage]: otherVersion }));
  return file;
}

async function waitUntilReady(child: ChildProcess, control: string, logFile: string): Promise<ReadySandbox> {
  const end = performance.now() + startTimeoutMs;
  while (!existsSync(control)) {
    if (child.exitCode !== null || performance.now() > end)
      throw new Error(`the sandbox did not start: ${await readFile(logFile, 'utf8').catch(() => 'it wrote no log')}`);
    await sleep(20);
  }
  const answer = await callControl(control, 'GET', '/status');
  let last = '';
  for await (const line of createInterface({ input: answer })) last = line;
  const report = sandboxReport.parse(JSON.parse(last));
  if (report.state !== 'ready') throw new Error(`the sandbox did not start: ${last}`);
  return report;
}

/** Asks a running sandbox, as `protocol/sandbox/sandbox-control.ts` has it. */
export async function callControl(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<http.IncomingMessage> {
  const request = http.request({ socketPath, method, path, agent: false });
  request.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  if ((response.statusCode ?? 500) >= 400) throw new Error(`${method} ${path} at the sandbox: ${await text(response)}`);
  return response;
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs);
  await exited;
  clearTimeout(timer);
}
