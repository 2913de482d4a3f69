import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { deployShop } from '#net/sandbox/deploy-shop.ts';
import { findSandbox, launchSandbox, type SandboxPlace, stopSandbox } from '#net/sandbox/launch-sandbox.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ReadySandbox } from '#protocol/sandbox/sandbox-control.ts';
import type { Command, Invocation } from '../invocation.ts';

interface UpOptions {
  readonly address?: string;
  readonly port?: string;
  readonly images?: string;
  readonly shop?: boolean;
}

const isNoKubernetes = 'It is a stand-in for trying things out, not Kubernetes.';

/** Starts the sandbox, which outlives this command, and waits until pods can run in it; with the demo shop, until that serves. */
export const sandboxUp: Command<UpOptions> = async (invocation, options) => {
  const { io, output, progress } = invocation;
  const place = placeOf(invocation);
  const flags = flagsOf(options, io.cwd);
  const running = await findSandbox(place);
  const ready =
    running ?? (await launchSandbox({ ...place, nodePath: process.execPath, script: io.programs.sandbox, env: io.env, flags }));
  const shop = options.shop === true ? await deployShop(place) : undefined;
  progress.clear();
  const isNew = running === undefined;
  output.result({ running: true, started: isNew, kubernetes: false, ...shown(ready), ...(shop && { shop }) }, () =>
    [
      isNew ? `The sandbox runs. ${isNoKubernetes}` : `The sandbox runs already. ${isNoKubernetes}`,
      `  API server: ${ready.server}`,
      `  Kubeconfig: ${ready.kubeconfig}`,
      ...(shop === undefined ? [] : [`  Demo shop : namespace ${shop}, web → cart → catalogue → stock`]),
      'To use it:',
      `  export KUBECONFIG=${ready.kubeconfig}`,
      `  telepresence helm install && telepresence connect${shop === undefined ? '' : ` --namespace ${shop}`}`,
      'To end it:',
      '  telepresence sandbox down',
    ].join('\n'),
  );
  return 0;
};

export const sandboxDown: Command<object> = async (invocation) => {
  const wasRunning = await stopSandbox(placeOf(invocation));
  invocation.progress.clear();
  const text = wasRunning ? 'The sandbox has ended' : 'No sandbox runs';
  invocation.output.result({ running: false, stopped: wasRunning }, () => text);
  return 0;
};

export const sandboxStatus: Command<object> = async (invocation) => {
  const { output, progress } = invocation;
  const ready = await findSandbox(placeOf(invocation));
  progress.clear();
  if (ready === undefined) {
    output.result({ running: false }, () => 'No sandbox runs');
    return 0;
  }
  output.result({ running: true, kubernetes: false, ...shown(ready) }, () =>
    [
      `The sandbox runs. ${isNoKubernetes}`,
      `  API server: ${ready.server}`,
      `  Kubeconfig: ${ready.kubeconfig}`,
      `  Context   : ${ready.context}`,
      `  Process   : ${ready.pid}, since ${new Date(ready.since * 1000).toISOString()}`,
    ].join('\n'),
  );
  return 0;
};

function placeOf({ paths, signal, progress }: Invocation): SandboxPlace {
  return { paths, signal, onStage: (text) => progress.stage(text) };
}

function flagsOf({ address, port, images }: UpOptions, cwd: string): Readonly<Record<string, string>> {
  if (address !== undefined && isIP(address) === 0)
    throw new AppError({ code: 'usage', message: `--address ${address} is no IP address` });
  if (port !== undefined && !(/^[0-9]+$/.test(port) && Number(port) < 65_536))
    throw new AppError({ code: 'usage', message: `--port ${port} is no port` });
  return {
    ...(address === undefined ? {} : { address }),
    ...(port === undefined ? {} : { port }),
    ...(images === undefined ? {} : { images: resolve(cwd, images) }),
  };
}

function shown({ state: _state, ...rest }: ReadySandbox): Omit<ReadySandbox, 'state'> {
  return rest;
}
