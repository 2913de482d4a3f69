import { chmod, mkdir, rm } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { controlSocketName, type SandboxFault, type SandboxReport, sandboxFault } from '#protocol/sandbox/sandbox-control.ts';

export interface ControlActions {
  /** Ends the sandbox; the answer waits for it. */
  stop(): Promise<void>;
  inject(fault: SandboxFault): void;
  heal(): void;
}

export interface ControlServer {
  /** Tells everybody who asked, and who asks later. */
  report(report: SandboxReport): void;
  close(): Promise<void>;
}

/** Listens on the control socket. `undefined` where another sandbox does: each folder is that of one. */
export async function startControlServer(directory: string, actions: ControlActions): Promise<ControlServer | undefined> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  let latest: SandboxReport = { state: 'starting', stage: 'api' };
  const waiting = new Set<ServerResponse>();

  function send(response: ServerResponse): void {
    response.write(`${JSON.stringify(latest)}\n`);
    if (latest.state !== 'starting') response.end();
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    switch (`${request.method ?? ''} ${request.url ?? ''}`) {
      case 'GET /status':
        response.writeHead(200, { 'content-type': 'application/x-ndjson' });
        waiting.add(response);
        response.once('close', () => waiting.delete(response));
        send(response);
        return;
      case 'POST /stop':
        await actions.stop();
        response.writeHead(200, { connection: 'close' }).end();
        return;
      case 'POST /faults': {
        const fault = sandboxFault.safeParse(await json(request));
        if (fault.success) actions.inject(fault.data);
        response.writeHead(fault.success ? 204 : 400).end(fault.success ? undefined : z.prettifyError(fault.error));
        return;
      }
      case 'DELETE /faults':
        actions.heal();
        response.writeHead(204).end();
        return;
      default:
        response.writeHead(404).end();
    }
  }

  const server = http.createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500).end(error instanceof Error ? error.message : String(error));
    });
  });
  const path = join(directory, controlSocketName);
  if (await isListening(path)) return undefined;
  await rm(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return {
    report: (report) => {
      latest = report;
      for (const response of waiting) send(response);
    },
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      await closed;
      await rm(path, { force: true });
    },
  };
}

async function isListening(path: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const socket = net.connect(path);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
