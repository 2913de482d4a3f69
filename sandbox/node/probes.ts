import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import http2 from 'node:http2';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import type { Container, Probe, ProbeAction } from './pod-types.ts';

/** How a probe reaches its container. */
export interface ProbeTarget {
  readonly ip: string;
  readonly container: Container;
  readonly environment: Readonly<Record<string, string>>;
  dial(host: string, port: number, timeoutMs: number): Promise<Duplex>;
  execCommand(command: readonly string[]): readonly string[] | undefined;
}

export type ProbeResult = { readonly isSuccess: true } | { readonly isSuccess: false; readonly message: string };

const success: ProbeResult = { isSuccess: true };
const failure = (message: string): ProbeResult => ({ isSuccess: false, message });

/** Asks once. Never rejects. */
export async function runProbe(target: ProbeTarget, action: ProbeAction, timeoutMs: number): Promise<ProbeResult> {
  const { httpGet, tcpSocket, exec, grpc, sleep } = action;
  try {
    if (exec !== undefined) return await probeByExec(target, exec.command ?? [], timeoutMs);
    if (httpGet !== undefined) return await probeByHttp(target, httpGet, timeoutMs);
    if (grpc !== undefined) return await probeByGrpc(target, grpc, timeoutMs);
    if (tcpSocket !== undefined) {
      (await target.dial(tcpSocket.host ?? target.ip, portNumber(target.container, tcpSocket.port), timeoutMs)).destroy();
    }
    if (sleep !== undefined) await new Promise((resolve) => setTimeout(resolve, sleep.seconds * 1000));
    return success;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return failure(error instanceof Error && /Abort|Timeout/.test(error.name) ? 'context deadline exceeded' : message);
  }
}

/** With the defaults of Kubernetes. */
export function probeSettings(probe: Probe) {
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1, successThreshold = 1, failureThreshold = 3 } = probe;
  return {
    delayMs: initialDelaySeconds * 1000,
    periodMs: periodSeconds * 1000,
    timeoutMs: timeoutSeconds * 1000,
    successThreshold,
    failureThreshold,
  };
}

async function probeByHttp(
  target: ProbeTarget,
  get: NonNullable<ProbeAction['httpGet']>,
  timeoutMs: number,
): Promise<ProbeResult> {
  const port = portNumber(target.container, get.port);
  const host = get.host ?? target.ip;
  const signal = AbortSignal.timeout(timeoutMs);
  const plain = await target.dial(host, port, timeoutMs);
  const isTls = get.scheme === 'HTTPS';
  // As the kubelet: who probes does not know the names that certificates are for.
  const socket = isTls ? tls.connect({ socket: plain, rejectUnauthorized: false }) : plain;
  try {
    const headers = Object.fromEntries((get.httpHeaders ?? []).map(({ name, value }) => [name, value]));
    const request = http.request({
      path: get.path ?? '/',
      headers: { 'user-agent': 'kube-probe/sandbox', host: `${host}:${port}`, accept: '*/*', connection: 'close', ...headers },
      createConnection: () => socket,
      signal,
    });
    // The first one ends the waiting below; more may come after it.
    request.on('error', () => undefined);
    request.end();
    const [response] = (await once(request, 'response', { signal })) as [http.IncomingMessage];
    const status = response.statusCode ?? 0;
    response.on('error', () => undefined).resume();
    return status >= 200 && status < 400 ? success : failure(`HTTP probe failed with statuscode: ${status}`);
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
    plain.destroy();
  }
}

async function probeByExec(target: ProbeTarget, command: readonly string[], timeoutMs: number): Promise<ProbeResult> {
  const [program, ...args] = target.execCommand(command) ?? [];
  if (program === undefined) return failure('container is not running');
  const child = spawn(program, args, {
    env: { ...target.environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // What is left of a pod's time has fractions, which are refused here.
    timeout: Math.ceil(timeoutMs),
    killSignal: 'SIGKILL',
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      if (output.length < 2_048) output += chunk.toString();
    });
  }
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (signal !== null)
    return failure(`command timed out: "${command.join(' ')}" timed out after ${Math.ceil(timeoutMs) / 1000}s`);
  return code === 0 ? success : failure(output.trim());
}

/** `grpc.health.v1.Health/Check`: an answer whose field 1 is 1 (SERVING). */
async function probeByGrpc(
  target: ProbeTarget,
  { port, service = '' }: NonNullable<ProbeAction['grpc']>,
  timeoutMs: number,
): Promise<ProbeResult> {
  const socket = await target.dial(target.ip, port, timeoutMs);
  const session = http2.connect(`http://${target.ip}:${port}`, { createConnection: () => socket });
  session.on('error', () => undefined);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => undefined);
    const name = Buffer.from(service);
    const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, name.length), name]);
    stream.end(Buffer.concat([Buffer.of(0, 0, 0, 0, message.length), message]));
    const parts: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => parts.push(chunk));
    await once(stream, 'end', { signal: AbortSignal.timeout(timeoutMs) });
    const answer = Buffer.concat(parts);
    return answer[5] === 0x08 && answer[6] === 1 ? success : failure('service unhealthy (responded with "NOT_SERVING")');
  } finally {
    session.destroy();
    socket.destroy();
  }
}

function portNumber(container: Container, port: number | string): number {
  if (typeof port === 'number' || /^[0-9]+$/.test(port)) return Number(port);
  const found = container.ports?.find(({ name }) => name === port)?.containerPort;
  if (found === undefined) throw new Error(`no port named ${port}`);
  return found;
}
