import type { ChildProcess } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { LaptopRunOptions } from './laptop.ts';

interface Host {
  readonly uid: number;
  readonly environment: Readonly<Record<string, string>>;
  spawn(argv: readonly string[], options?: LaptopRunOptions): ChildProcess;
}

interface BrokerRequest {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Stands in for `sudo` on a laptop whose user exists only there: a program of that name, first in PATH, that hands its arguments to
 * the harness, which runs them as root on the same laptop. So the product starts its helper the way that it does everywhere.
 */
export async function startPrivilegeBroker(host: Host, binDirectory: string): Promise<() => Promise<void>> {
  const socketPath = join(binDirectory, 'sudo.sock');
  const program = join(binDirectory, 'sudo');
  await writeFile(program, clientProgram(socketPath));
  await chmod(program, 0o755);
  const server = net.createServer((socket) => serve(host, socket));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  await chmod(socketPath, 0o666);
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  return async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}

function serve(host: Host, socket: net.Socket): void {
  socket.on('error', () => undefined);
  createInterface({ input: socket }).once('line', (line) => {
    const request = JSON.parse(line) as BrokerRequest;
    const id = String(host.uid);
    const env = { ...request.env, SUDO_UID: id, SUDO_GID: id, SUDO_USER: 'dev', SUDO_COMMAND: request.argv.join(' ') };
    const child = host.spawn(request.argv, { as: 'root', cwd: request.cwd, env });
    child.stdin?.end();
    const send = (message: object) => {
      if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
    };
    child.stdout?.on('data', (chunk: Buffer) => send({ out: chunk.toString() }));
    child.stderr?.on('data', (chunk: Buffer) => send({ err: chunk.toString() }));
    child.on('exit', (code) => {
      send({ code: code ?? 1 });
      socket.end();
    });
  });
}

/** Understands the flags that a program would give to sudo: -n, -E, -b, -u USER, -p PROMPT, --preserve-env, NAME=value, --. */
function clientProgram(socketPath: string): string {
  return `#!/usr/bin/env node
const net = require('node:net');
const args = process.argv.slice(2);
const env = {};
let keeps = false, background = false;
while (args.length > 0) {
  const arg = args[0];
  if (arg === '--') { args.shift(); break; }
  if (['-u', '-g', '-p', '-C', '--user', '--group', '--prompt'].includes(arg)) { args.splice(0, 2); continue; }
  if (arg.startsWith('--preserve-env=')) { for (const n of arg.slice(15).split(',')) if (process.env[n] !== undefined) env[n] = process.env[n]; args.shift(); continue; }
  if (arg === '-E' || arg === '--preserve-env') { keeps = true; args.shift(); continue; }
  if (arg === '-b' || arg === '--background') { background = true; args.shift(); continue; }
  if (arg.startsWith('-')) { args.shift(); continue; }
  const pair = /^([A-Za-z_][A-Za-z0-9_]*)=([^]*)$/.exec(arg);
  if (pair === null) break;
  env[pair[1]] = pair[2];
  args.shift();
}
if (args.length === 0) process.exit(0);
const socket = net.connect(${JSON.stringify(socketPath)});
socket.write(JSON.stringify({ argv: args, cwd: process.cwd(), env: { ...(keeps ? process.env : {}), ...env } }) + '\\n');
if (background) setTimeout(() => process.exit(0), 200);
let rest = '';
socket.setEncoding('utf8').on('data', (text) => {
  const lines = (rest + text).split('\\n');
  rest = lines.pop();
  for (const line of lines) {
    const message = JSON.parse(line);
    if (message.out !== undefined) process.stdout.write(message.out);
    if (message.err !== undefined) process.stderr.write(message.err);
    if (message.code !== undefined) process.exitCode = message.code;
  }
});
socket.on('error', (error) => { console.error('sudo: ' + error.message); process.exit(1); });
`;
}
