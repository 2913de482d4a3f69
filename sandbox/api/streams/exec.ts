import type { Readable } from 'node:stream';
import type WebSocket from 'ws';
import * as z from 'zod';
import type { ExecResult, ExecSession } from '../../node/node-api.ts';

/** Channels of `v5.channel.k8s.io`; version 4 has no `close`. */
const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;

const terminalSize = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('not JSON');
      return z.NEVER;
    }
  })
  .pipe(z.object({ Width: z.int().min(0).max(65_535), Height: z.int().min(0).max(65_535) }));

const maxQueuedBytes = 1024 * 1024;

export interface ExecStreams {
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
}

/** Carries a program's input, output and end over the channels of a WebSocket. */
export function carryExec(session: ExecSession, socket: WebSocket, streams: ExecStreams): void {
  const send = (channel: number, bytes: Buffer, done?: () => void) =>
    socket.send(Buffer.concat([Buffer.from([channel]), bytes]), () => done?.());
  const carry = (stream: Readable, channel: number, isWanted: boolean): Promise<void> => {
    stream.on('data', (bytes: Buffer) => {
      if (!isWanted) return;
      send(channel, bytes, () => stream.resume());
      if (socket.bufferedAmount > maxQueuedBytes) stream.pause();
    });
    return new Promise((resolve) => {
      for (const event of ['end', 'close', 'error']) stream.once(event, () => resolve());
    });
  };
  const carried = [
    carry(session.stdout, channels.stdout, streams.hasStdout),
    carry(session.stderr, channels.stderr, streams.hasStderr),
  ];
  session.stdin.on('error', () => undefined);
  if (!streams.hasStdin) session.stdin.end();
  socket.on('message', (message: Buffer) => {
    const [channel] = message;
    const payload = message.subarray(1);
    if (channel === channels.stdin && !session.stdin.writableEnded) {
      if (!session.stdin.write(payload)) {
        socket.pause();
        session.stdin.once('drain', () => socket.resume());
      }
    } else if (channel === channels.close && payload[0] === channels.stdin) {
      session.stdin.end();
    } else if (channel === channels.resize) {
      const size = terminalSize.safeParse(payload.toString('utf8'));
      if (size.success) session.resize(size.data.Width, size.data.Height);
      else socket.close(1007, 'the size of the terminal cannot be read');
    }
  });
  socket.once('close', () => session.destroy());
  void Promise.all([session.result, ...carried]).then(
    ([result]) => send(channels.error, Buffer.from(JSON.stringify(endOf(result))), () => socket.close(1000)),
    (error: unknown) => socket.close(1011, (error as Error).message.slice(0, 100)),
  );
}

/** How a program ended, as kubectl takes it for its own exit code. */
function endOf(result: ExecResult): Readonly<Record<string, unknown>> {
  const status = { kind: 'Status', apiVersion: 'v1', metadata: {} };
  if (result.kind === 'exited' && result.exitCode === 0) return { ...status, status: 'Success' };
  if (result.kind === 'not-started')
    return { ...status, status: 'Failure', reason: 'InternalError', code: 500, message: result.message };
  return {
    ...status,
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${result.exitCode}`,
    details: { causes: [{ reason: 'ExitCode', message: String(result.exitCode) }] },
  };
}
