import { fileURLToPath } from 'node:url';
import { productPaths } from '#base/node/paths.ts';
import { findSandbox, launchSandbox, stopSandbox } from '#net/sandbox/launch-sandbox.ts';

/**
 * `up` and `down` for programs that start the sandbox without the command line: lines of JSON, `{stage}` while it goes on, and at the end
 * of `up` where the cluster is.
 */
export async function runSandboxCommand(command: 'up' | 'down', entry: string): Promise<void> {
  const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
  const onStage = (stage: string) => print({ stage });
  const place = { paths: productPaths(process.env), signal: new AbortController().signal, onStage };
  if (command === 'down') {
    await stopSandbox(place);
    return;
  }
  const launch = { nodePath: process.execPath, script: fileURLToPath(entry), env: process.env, flags: {} };
  const { kubeconfig, context, server } = (await findSandbox(place)) ?? (await launchSandbox({ ...place, ...launch }));
  print({ kubeconfig, context, server, namespace: 'default' });
}
