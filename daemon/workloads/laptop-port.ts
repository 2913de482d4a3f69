import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { basename } from 'node:path';
import type { CallOutput } from '#protocol/local-api/local-api.ts';

type PortCheck = Omit<CallOutput<'checkLaptopPort'>, 'engagement'>;

/** A port of this computer is taken or refused in far less. */
const connectTimeoutMs = 1_000;

/** State "listen" in the kernel's table. */
const listenState = '0A';

/** Whether something listens there, and which program of this user's it is, where the system tells (Linux). */
export async function checkLaptopPort(address: string, port: number): Promise<PortCheck> {
  if (!(await isListening(address, port))) return { listening: false };
  const process = isOfThisComputer(address) ? await processOf(port).catch(() => undefined) : undefined;
  return { listening: true, ...(process === undefined ? {} : { process }) };
}

async function isListening(address: string, port: number): Promise<boolean> {
  const socket = connect({ host: address, port });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(connectTimeoutMs) });
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function isOfThisComputer(address: string): boolean {
  return address === 'localhost' || address === '::1' || address.startsWith('127.');
}

/** By the socket's inode, which processes have open as a link; those of others cannot be looked into. */
async function processOf(port: number): Promise<PortCheck['process']> {
  if (process.platform !== 'linux') return undefined;
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')));
  const inodes = new Set(tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`));
  if (inodes.size === 0) return undefined;
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`;
    const descriptors = await readdir(folder).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`${folder}/${descriptor}`).catch(() => '');
      if (inodes.has(target)) return { name: await nameOf(pid), pid: Number(pid) };
    }
  }
  return undefined;
}

/** By the kernel's table: `sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode …`. */
export function listeningInodes(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = '0'] = line.trim().split(/\s+/);
    return local.endsWith(suffix) && state === listenState && inode !== '0' ? [inode] : [];
  });
}

/** Of its program: what the kernel calls a process is the name of its first thread, which Node, for one, calls "MainThread". */
async function nameOf(pid: string): Promise<string> {
  const program = await readlink(`/proc/${pid}/exe`).catch(() => undefined);
  if (program === undefined) return (await readFile(`/proc/${pid}/comm`, 'utf8')).trim();
  // An update of it took the file away.
  return basename(program.replace(/ \(deleted\)$/, ''));
}
