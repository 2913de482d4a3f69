/**
 * How a test and the app that it started talk: over the IPC of Node's child processes. What the app did is told as it happens; what a
 * person or the system does is asked for.
 */
export type AppReport =
  | { readonly kind: 'browser'; readonly endpoint: string }
  | { readonly kind: 'tray'; readonly tray: TrayReport | undefined }
  | { readonly kind: 'window'; readonly id: number; readonly isVisible: boolean; readonly isMinimized: boolean }
  | {
      readonly kind: 'dialog';
      readonly id: number;
      readonly message: string;
      readonly detail: string;
      readonly buttons: readonly string[];
    }
  /** What a page that begins to load is allowed; without handlers of the app Electron allows everything. */
  | { readonly kind: 'permissions'; readonly allowed: readonly string[]; readonly areDevicesAllowed: boolean }
  | { readonly kind: 'notification'; readonly title: string; readonly body: string }
  | { readonly kind: 'opened'; readonly what: string }
  | { readonly kind: 'copied'; readonly text: string }
  | { readonly kind: 'done'; readonly request: number };

export interface TrayReport {
  /** File of the image, without its folder. */
  readonly image: string;
  readonly isImageThere: boolean;
  readonly tooltip: string;
  readonly items: readonly MenuReport[];
}

export interface MenuReport {
  readonly type: 'normal' | 'separator' | 'submenu' | 'checkbox';
  readonly label: string;
  readonly isEnabled: boolean;
  readonly isChecked: boolean;
  readonly items: readonly MenuReport[];
}

export type AppRequest =
  | { readonly kind: 'click-menu'; readonly labels: readonly string[] }
  | { readonly kind: 'answer-dialog'; readonly id: number; readonly button: string }
  /** The latest notification of that title. */
  | { readonly kind: 'click-notification'; readonly title: string }
  | { readonly kind: 'power'; readonly event: 'suspend' | 'resume' | 'shutdown' }
  /** The laptop gets another address, as by joining another network. */
  | { readonly kind: 'change-network' }
  | { readonly kind: 'close-window' }
  | { readonly kind: 'quit' }
  /** The end of the test: nobody is asked. */
  | { readonly kind: 'end' }
  | { readonly kind: 'open-url'; readonly url: string }
  /** A page of somebody else with the app's preload, as it would be if a navigation got through. */
  | { readonly kind: 'open-foreign-page'; readonly url: string };

type Listener = (request: AppRequest) => void;
const listeners: Listener[] = [];

export function report(message: AppReport): void {
  process.send?.(message, undefined, {}, () => undefined);
}

export function onRequest(listener: Listener): void {
  listeners.push(listener);
}

/** Begins to listen: in the app's process only, for the test's own is somebody else's child. */
export function startControl(): void {
  process.on('message', ({ number, request }: { readonly number: number; readonly request: AppRequest }) => {
    for (const listener of listeners) listener(request);
    report({ kind: 'done', request: number });
  });
  // A test that was cut short leaves nothing behind.
  process.on('disconnect', () => process.exit(1));
  // A window system keeps Electron alive; nothing does so here.
  setInterval(() => undefined, 1_000_000);
}
