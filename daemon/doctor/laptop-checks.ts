import { lookup } from 'node:dns/promises';
import { constants, existsSync } from 'node:fs';
import { access, open, readFile, stat } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { isHelperListening } from '#base/node/helper-launch.ts';
import { HelperClient } from '../helper-client/helper-client.ts';
import type { DoctorContext } from './doctor-context.ts';
import { type Finding, failed, failedBy, notApplicable, passed, warned } from './finding.ts';

const startRemedy = { label: 'Start it with a command that may ask for your password', command: 'telepresence connect' };

/** The privileged helper: whether it runs and is of this version, and could be started; whether one left something behind. */
export async function checkHelper(context: DoctorContext, signal: AbortSignal): Promise<Finding> {
  const { connection, helperSocket, helperDirectory, env } = context;
  if (connection?.mode === 'rootless')
    return notApplicable('This connection does without: it changes a network namespace of its own');
  if (await isHelperListening(helperSocket)) {
    try {
      const helper = await HelperClient.connect(helperSocket, { signal });
      const { pid } = helper;
      await helper.close();
      return passed(`It runs (process ${pid}) and speaks the version of this daemon`);
    } catch (error) {
      return failedBy(error);
    }
  }
  if (connection !== undefined && connection.state.kind !== 'paused') {
    return failed('It does not run, although there is a connection', [startRemedy]);
  }
  if (existsSync(join(helperDirectory, 'journal.json'))) {
    return warned('A helper ended without undoing what it had changed; the next one does that first', [startRemedy]);
  }
  if (process.getuid?.() === 0) return passed('It is started with the next connection');
  if ((await findProgram('sudo', env)) !== undefined) return passed('It is started with the next connection, by sudo');
  return failed('It does not run, and there is no sudo on the PATH to start it with', [
    { label: 'Install sudo, or run the first connect as root' },
    { label: 'Or connect without root', command: 'telepresence connect --rootless' },
  ]);
}

/** The kernel's device for virtual interfaces. */
export async function checkTun(): Promise<Finding> {
  if (process.platform !== 'linux') return notApplicable('This system makes its interfaces without a device file');
  const device = '/dev/net/tun';
  const loadRemedy = { label: "Load the kernel's module", command: 'sudo modprobe tun' };
  try {
    if (!(await stat(device)).isCharacterDevice()) return failed(`${device} is not a device`, [loadRemedy]);
  } catch {
    return failed(`${device} does not exist`, [loadRemedy]);
  }
  try {
    await (await open(device, 'r+')).close();
    return passed(`${device} can be opened`);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'EACCES') return passed(`${device} is there, for the helper to open; connections without root cannot use it`);
    return failed(`${device} cannot be opened (${code})`, [loadRemedy]);
  }
}

/** From a program's look-up to the answer of the cluster; without a connection, what there is to hook into. */
export async function checkDns({ connection, verifyDns }: DoctorContext, signal: AbortSignal): Promise<Finding> {
  if (connection === undefined) return await checkResolver();
  if (connection.state.kind === 'paused') return notApplicable('The connection is paused');
  if (connection.dns === undefined) return notApplicable('The connection is not up yet');
  const { mode, clusterDomain } = connection.dns;
  const reached = await verifyDns(signal);
  const vpnRemedy = { label: 'Look for another program that manages DNS, such as a VPN client' };
  if (!reached.ok) return failed(reached.reason, [vpnRemedy]);
  if (connection.mode === 'rootless') return passed('Look-ups of programs in its network namespace arrive');
  const name = `kubernetes.default.svc.${clusterDomain.replace(/\.$/, '')}`;
  try {
    const { address } = await lookup(name);
    return passed(`Programs' look-ups arrive (by ${mode}), and ${name} is ${address}`);
  } catch (error) {
    return warned(`Programs' look-ups arrive (by ${mode}), but ${name} has no answer: ${(error as Error).message}`, [
      { label: "Check the cluster's DNS", command: 'kubectl --namespace kube-system get pods --selector k8s-app=kube-dns' },
    ]);
  }
}

async function checkResolver(): Promise<Finding> {
  if (process.platform !== 'linux') return notApplicable('Not connected');
  if (existsSync('/run/systemd/resolve/io.systemd.Resolve')) return passed('Not connected; systemd-resolved will be used');
  const text = await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map(([, server = '']) => server);
  if (servers.length > 0) return passed(`Not connected; names are looked up at ${servers.join(', ')} now`);
  return warned('This computer has no name server: /etc/resolv.conf names none', [
    { label: 'Connect this computer to a network, then look again' },
  ]);
}

/** What it takes to mount volumes of pods. Everything else works without. */
export async function checkFuse({ env }: DoctorContext): Promise<Finding> {
  if (process.platform !== 'linux') return notApplicable('Looked at on Linux only');
  const installRemedy = { label: 'Install the package fuse3 of your distribution' };
  try {
    await access('/dev/fuse', constants.R_OK | constants.W_OK);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    return warned(`Volumes cannot be mounted: /dev/fuse ${isMissing ? 'does not exist' : 'may not be opened by you'}`, [
      isMissing
        ? { label: "Load the kernel's module", command: 'sudo modprobe fuse' }
        : { label: 'Have yourself added to the group that owns it' },
    ]);
  }
  const program = (await findProgram('fusermount3', env)) ?? (await findProgram('fusermount', env));
  if (program === undefined) return warned('Volumes cannot be mounted: there is no fusermount3 on the PATH', [installRemedy]);
  return passed(`/dev/fuse and ${program} are there`);
}

/** Path of a program as it would be found by its name. */
export async function findProgram(name: string, env: DoctorContext['env']): Promise<string | undefined> {
  if (name.includes('/')) return (await isExecutable(name)) ? name : undefined;
  for (const directory of (env['PATH'] ?? '').split(delimiter)) {
    if (directory === '') continue;
    const path = join(directory, name);
    if (await isExecutable(path)) return path;
  }
  return undefined;
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}
