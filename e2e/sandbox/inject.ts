import type { SandboxFault } from '#protocol/sandbox/sandbox-control.ts';
import { settings } from '../support/settings.ts';
import { callControl } from './sandbox-process.ts';

/** Makes something go wrong in the sandbox of this run, until `healSandbox`. */
export async function injectFault(fault: SandboxFault): Promise<void> {
  await ask('POST', fault);
}

export async function healSandbox(): Promise<void> {
  await ask('DELETE');
}

async function ask(method: string, body?: SandboxFault): Promise<void> {
  if (settings.sandbox === undefined) throw new Error('E2E_SANDBOX is not set');
  (await callControl(settings.sandbox, method, '/faults', body)).resume();
}
