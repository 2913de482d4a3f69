import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Handler, Handlers } from '#net/rpc/handlers.ts';
import { serveChannel } from '#net/rpc/server.ts';
import { kubeconfigCalls, withKubeconfigEnv } from '#protocol/local-api/kubeconfig-env.ts';
import type { CallName } from '#protocol/local-api/local-api.ts';
import type { DaemonContext } from '../api/daemon-context.ts';
import type { UiHost } from './ui-host.ts';

/** The window for a browser. `handlers` are all of the daemon's: a page is a client like any other. */
export function createUiHandlers(daemon: DaemonContext, handlers: () => Handlers): Pick<Handlers, 'openUi'> {
  const logger = daemon.logger.child('ui');
  const sessionsFile = join(daemon.paths.runtimeDirectory, 'browser-sessions.json');
  let host: Promise<UiHost> | undefined;
  // Loaded when it is asked for: most daemons never serve a page.
  const { KUBECONFIG: kubeconfigEnv } = daemon.env;
  const load = async (): Promise<UiHost> => {
    const { UiHost: Host } = await import('./ui-host.ts');
    return new Host({
      pageDirectory: pageDirectory(),
      sessionsFile,
      onChannel: (channel) => serveChannel(channel, pageHandlers(handlers(), kubeconfigEnv), { logger }),
      logger,
    });
  };
  const opened = async (): Promise<UiHost> => await (host ??= load());
  daemon.onQuit(async () => await (await host)?.stop());
  if (existsSync(sessionsFile)) {
    opened()
      .then((found) => found.restore())
      .catch((error: unknown) => logger.warn('Pages of before are not served again', { error }));
  }
  return { openUi: async () => ({ url: await (await opened()).open() }) };
}

/** The daemon's environment stands for that of a page: it is of the person's session, as the browser is. */
function pageHandlers(handlers: Handlers, kubeconfigEnv: string | undefined): Handlers {
  const withEnv = <Name extends CallName>(name: Name): Handler<Name> => {
    const handle: Handler<Name> = handlers[name];
    return async (input, context) => await handle(withKubeconfigEnv(name, input, kubeconfigEnv), context);
  };
  return kubeconfigCalls.reduce<Handlers>((changed, name) => ({ ...changed, [name]: withEnv(name) }), handlers);
}

/** Beside the bundle, or where the build of a checkout puts it. */
function pageDirectory(): string {
  return fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../../dist/renderer/' : './renderer/', import.meta.url));
}
