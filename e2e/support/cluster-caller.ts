import dgram from 'node:dgram';
import { once } from 'node:events';
import { clientProgram } from './client-program.ts';
import { mustRun } from './program.ts';

/** The node reaches Services and pods as pods do: a caller inside the cluster. Each request has a connection of its own. */
export async function askHttp(host: string, port: number, path = '/x', timeoutMs = 5_000): Promise<string> {
  const name = host.includes(':') ? `[${host}]` : host;
  const response = await fetch(`http://${name}:${port}${path}`, {
    headers: { connection: 'close' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  return await response.text();
}

/** One datagram, and the answer to it. */
export async function askUdp(host: string, port: number, text: string, timeoutMs = 2_000): Promise<string> {
  const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4');
  try {
    socket.send(text, port, host);
    const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(timeoutMs) })) as [Buffer];
    return message.toString();
  } finally {
    socket.close();
  }
}

/** Runs a program of `e2e/clients` as a caller in the cluster, and returns the JSON of its last line. `T` is the caller's claim about it. */
export async function callerRuns<T>(name: string, args: readonly (string | number)[], timeoutMs = 60_000): Promise<T> {
  const output = await mustRun(clientProgram(name, ...args), { timeoutMs });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '') as T;
}
