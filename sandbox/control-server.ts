import { chmod, mkdir, rm } from 'node:fs/promises';
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import * as z from 'zod';
import { AppError } from '#protocol/errors/app-error.ts';
import {
  controlSocketName,
  type SandboxFailure,
  type SandboxFault,
  type SandboxReport,
  type ShopReport,
  sandboxFault,
} from '#protocol/sandbox/sandbox-control.ts';

export interface ControlActions {
  /** Ends the sandbox; the answer waits for it. */
  stop(): Promise<void>;
  inject(fault: SandboxFault): void;
  heal(): void;
  /** Resolves to the namespace of the shop once it serves. */
  deployShop(signal: AbortSignal, onStage: (stage: ShopStage) => void): Promise<string>;
}

type ShopStage = Extract<ShopReport, { state: 'deploying' }>['stage'];

export interface ControlServer {
  /** Tells everybody who asked, and who asks later. */
  report(report: SandboxReport): void;
  close(): Promise<void>;
}

/** How a failure is told to who asked. */
export function failureReport(thrown: unknown): SandboxFailure {
  const { code, message, reason, remedies } = AppError.from(thrown);
  return { state: 'failed', code, message, ...(reason === undefined ? {} : { reason }), remedies: [...remedies] };
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

  async function answerShop(response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    const tell = (report: ShopReport) => response.write(`${JSON.stringify(report)}\n`);
    try {
      const namespace = await actions.deployShop(gone.signal, (stage) => void tell({ state: 'deploying', stage }));
      tell({ state: 'deployed', namespace });
    } catch (error) {
      tell(failureReport(error));
    }
    response.end();
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
      case 'POST /shop':
        await answerShop(response);
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
