import { closeSync, openSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';
import koffi from 'koffi';
import * as z from 'zod';
import { parseIp } from '#base/common/ip.ts';
import { bindInternetSocket, openInternetSocket } from '#base/node/internet-sockets.ts';
import { descriptorOf, sendDescriptors } from '#base/node/linux-sockets.ts';

/**
 * `node machine-program.ts SOCKET`: the first process in the sandbox's namespaces. It holds them, opens sockets in them for the sandbox's own process, and
 * ends when its standard input does: then the kernel ends every process below it, and with them go network and mounts.
 */

/** What is asked, one line of JSON each; the answer is a descriptor with one byte, or a line of text that says why not. */
const socketRequest = z.strictObject({
  kind: z.enum(['tcp', 'udp']),
  /** Path of a network namespace; absent: the sandbox's own. */
  namespace: z.string().optional(),
  bind: z.strictObject({ address: z.string(), port: z.number() }).optional(),
});

// linux/sched.h and bits/waitflags.h; the same on x86-64 and arm64.
const CLONE_NEWNET = 0x4000_0000;
const WNOHANG = 1;

const library = koffi.load(null);
const libc = {
  setns: library.func('int setns(int, int)') as (descriptor: number, kind: number) => number,
  waitpid: library.func('int waitpid(int, void *, int)') as (pid: number, status: null, options: number) => number,
};

const home = openSync('/proc/self/ns/net', 'r');
const [socketPath = ''] = process.argv.slice(2);

process.stdin.resume().on('close', () => process.exit(0));
// Signals of a terminal are the sandbox's to answer, which then ends this process.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
// Orphans become children of the first process of their namespace.
process.on('SIGCHLD', () => {
  while (libc.waitpid(-1, null, WNOHANG) > 0);
});

const server = net.createServer((socket) => {
  socket.on('error', () => undefined);
  createInterface({ input: socket }).on('line', (line) => answer(socket, line));
});
server.listen(socketPath, () => process.stdout.write('ready\n'));

function answer(socket: net.Socket, line: string): void {
  let descriptor: number | undefined;
  try {
    descriptor = openSocket(socketRequest.parse(JSON.parse(line)));
    sendDescriptors(descriptorOf(socket), Buffer.from('+'), [descriptor]);
  } catch (error) {
    socket.write(error instanceof Error ? error.message : String(error));
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

function openSocket({ kind, namespace, bind }: z.infer<typeof socketRequest>): number {
  const open = () => openInternetSocket({ kind, family: 4 });
  const descriptor = namespace === undefined ? open() : within(namespace, open);
  try {
    if (bind !== undefined) bindSocket(descriptor, bind.address, bind.port);
    return descriptor;
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
}

/** A socket belongs for good to the namespace in which its thread was when it made it. */
function within<T>(namespace: string, action: () => T): T {
  const target = openSync(namespace, 'r');
  try {
    check('setns', libc.setns(target, CLONE_NEWNET));
    try {
      return action();
    } finally {
      check('setns', libc.setns(home, CLONE_NEWNET));
    }
  } finally {
    closeSync(target);
  }
}

function bindSocket(descriptor: number, address: string, port: number): void {
  const ip = parseIp(address);
  if (ip?.family !== 4) throw new Error(`${address} is not an IPv4 address`);
  try {
    bindInternetSocket(descriptor, ip, port);
  } catch (error) {
    throw new Error(`${address}:${port} cannot be had: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function check(call: string, result: number): number {
  if (result < 0) throw new Error(`${call} failed with errno ${koffi.errno()}`);
  return result;
}
