import { rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { productVersion } from '#base/common/version.ts';
import { createProcessLogger } from '#base/node/logger.ts';
import { KubeClient } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { failureReport, startControlServer } from './control-server.ts';
import { healSandbox, injectFault } from './inject-fault.ts';
import { readImageFile } from './programs/images.ts';
import { productImage } from './programs/product-images.ts';
import { type Sandbox, startSandbox } from './sandbox.ts';
import { builtPrograms, deployShop } from './shop/deploy-shop.ts';

/** The process that `telepresence sandbox up` starts: a sandbox until it is told to stop. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      directory: { type: 'string' },
      'log-file': { type: 'string' },
      address: { type: 'string' },
      port: { type: 'string' },
      images: { type: 'string' },
    },
  });
  const { directory, 'log-file': logFile, address, port, images } = values;
  if (directory === undefined || logFile === undefined) throw new Error('--directory and --log-file are needed');
  const log = createProcessLogger({ component: 'sandbox', file: logFile });
  const entry = fileURLToPath(import.meta.url);
  const bundles = entry.endsWith('.ts') ? fileURLToPath(new URL('../dist', import.meta.url)) : dirname(entry);
  let sandbox: Sandbox | undefined;
  const ending = Promise.withResolvers<void>();
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    stopping ??= Promise.resolve(sandbox?.stop());
    await stopping;
    ending.resolve();
  };
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void stop());
  const control = await startControlServer(directory, {
    stop,
    inject: (fault) => void (sandbox === undefined || injectFault(sandbox, fault)),
    heal: () => void (sandbox === undefined || healSandbox(sandbox)),
    deployShop: async (signal, onStage) => {
      if (sandbox === undefined)
        throw new AppError({ code: 'sandbox.unsupported', message: 'The sandbox has not started its node yet' });
      const client = new KubeClient(sandbox.admin);
      try {
        const image = productImage(productVersion);
        return await deployShop({ client, image, programOf: builtPrograms(bundles), signal, onStage });
      } finally {
        client.close();
      }
    },
  });
  // Another starter was faster, and whoever waits gets its sandbox.
  if (control === undefined) return 0;
  try {
    sandbox = await startSandbox({
      directory,
      ...(address === undefined ? {} : { address }),
      ...(port === undefined ? {} : { port: Number(port) }),
      ...(images === undefined ? {} : { images: readImageFile(images) }),
      programs: { node: process.execPath, bundles },
      version: productVersion,
      log: log.logger,
      onStage: (stage) => (stage === 'ready' ? undefined : control.report({ state: 'starting', stage })),
    });
    const { server, kubeconfig, context } = sandbox;
    control.report({
      state: 'ready',
      pid: process.pid,
      server: server.origin,
      kubeconfig,
      context,
      since: Math.floor(Date.now() / 1000),
    });
    // A stop that was asked for while it started.
    if (stopping !== undefined) await sandbox.stop();
    await Promise.race([ending.promise, sandbox.ended.then(stop)]);
    return 0;
  } catch (thrown) {
    const failure = failureReport(thrown);
    const { code, message, reason } = failure;
    control.report(failure);
    process.stderr.write(`${message}${reason === undefined ? '' : `: ${reason}`}\n`);
    log.logger.error('The sandbox did not start', { code, error: thrown });
    return 1;
  } finally {
    await control.close();
    log.close();
    // What somebody else put there stays.
    await rmdir(directory).catch(() => undefined);
  }
}

main().then(
  (exitCode) => process.exit(exitCode),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
