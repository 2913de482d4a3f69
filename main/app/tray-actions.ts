import { clipboard, dialog } from 'electron';
import type { Logger } from '#base/common/log.ts';
import type { AppEvent } from '#protocol/app-bridge/app-bridge.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { withKubeconfigEnv } from '#protocol/local-api/kubeconfig-env.ts';
import type { ConnectRequest } from '#protocol/local-api/model.ts';
import type { DaemonLink } from '../daemon/daemon-link.ts';
import type { TrayAction } from '../tray/tray-view.ts';
import type { Quit } from './quit.ts';

export interface TrayActionsOptions {
  readonly link: DaemonLink;
  readonly quit: Quit;
  /** KUBECONFIG as the app was started with it. */
  readonly kubeconfigEnv: string | undefined;
  readonly logger: Logger;
  showWindow(event?: AppEvent): void;
  /** Makes sure that the privileged helper runs; false where the person declined. */
  ensureHelper(): Promise<boolean>;
  /** Ends the app and starts the version that has been fetched. */
  installUpdate(): Promise<void>;
  tellFailure(title: string, error: AppError): void;
}

/** Does what was chosen in the tray. A failure is told, for there is no window that would show it. */
export function createTrayActions(options: TrayActionsOptions): (action: TrayAction) => void {
  return (action) => {
    run(options, action).catch((thrown: unknown) => {
      const error = AppError.from(thrown);
      options.logger.warn('An action of the tray failed', { action: action.kind, code: error.code, message: error.message });
      if (error.code !== 'cancelled') options.tellFailure(titles[action.kind] ?? 'That did not work', error);
    });
  };
}

const titles: Partial<Record<TrayAction['kind'], string>> = {
  connect: 'Not connected',
  reconnect: 'Not connected',
  disconnect: 'Not disconnected',
  pause: 'Not paused',
  resume: 'Not resumed',
  leave: 'The engagement was not left',
  'start-helper': 'The privileged helper was not started',
};

async function run(options: TrayActionsOptions, action: TrayAction): Promise<void> {
  const { link, showWindow } = options;
  switch (action.kind) {
    case 'connect':
      return await connect(options, action.request);
    case 'reconnect':
      if (!(await mayEndEngagements(link))) return;
      await disconnect(link);
      return await connect(options, action.request);
    case 'disconnect':
      return await disconnect(link);
    case 'pause':
      for (const use of connectionsThat(link, (kind) => kind === 'on' || kind === 'degraded')) {
        await link.api.call('pause', { use, minutes: action.minutes });
      }
      return;
    case 'resume':
      for (const use of connectionsThat(link, (kind) => kind === 'paused')) await link.api.call('resume', { use });
      return;
    case 'leave':
      await link.api.call('leave', { use: exactly(action.connection), name: action.name });
      return;
    case 'copy':
      await clipboard.writeText(action.text);
      return;
    case 'start-daemon':
      return link.startDaemon();
    case 'start-helper':
      await options.ensureHelper();
      return;
    case 'open-log':
      return showWindow({ kind: 'show-page', page: 'logs', engagement: action.engagement });
    case 'diagnose':
      return showWindow({ kind: 'show-page', page: 'diagnose' });
    case 'settings':
      return showWindow({ kind: 'show-page', page: 'settings' });
    case 'open-window':
      return showWindow();
    case 'install-update':
      return await options.installUpdate();
    case 'quit':
      return await options.quit.request();
    default:
      return action satisfies never;
  }
}

async function connect({ link, kubeconfigEnv, ensureHelper }: TrayActionsOptions, request: ConnectRequest): Promise<void> {
  // Before the connect, so that it does not fail at its interface and the person is asked once.
  const mode = request.mode ?? link.state?.preferences['preferences']?.defaultMode;
  if (mode !== 'rootless' && !(await ensureHelper())) return;
  const input = { ...request, ...(mode === undefined ? {} : { mode }) };
  await link.api.call('connect', withKubeconfigEnv('connect', input, kubeconfigEnv));
}

async function disconnect(link: DaemonLink): Promise<void> {
  for (const use of connectionsThat(link, (kind) => kind !== 'off')) await link.api.call('disconnect', { use });
}

/** Another context or namespace is another connection. */
async function mayEndEngagements(link: DaemonLink): Promise<boolean> {
  const names = Object.values(link.state?.engagements ?? {}).map(({ name }) => name);
  if (names.length === 0) return true;
  const { response } = await dialog.showMessageBox({
    type: 'question',
    title: 'Connect elsewhere',
    message: 'Leave what is engaged?',
    detail: `Connecting elsewhere ends: ${names.join(', ')}`,
    buttons: ['Leave and connect', 'Cancel'],
    defaultId: 1,
    cancelId: 1,
    noLink: true,
  });
  return response === 0;
}

function connectionsThat(link: DaemonLink, isMeant: (kind: string) => boolean): readonly string[] {
  return Object.values(link.state?.connections ?? {})
    .filter((connection) => isMeant(connection.state.kind))
    .map((connection) => exactly(connection.name));
}

/** `use` is a regular expression, and a name may have dots. */
function exactly(name: string): string {
  return `^${name.replaceAll(/[.+*?^$()[\]{}|\\]/g, String.raw`\$&`)}$`;
}
