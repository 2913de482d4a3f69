import type { Session as ElectronSession } from 'electron';
import { Emitter } from './emitter.ts';

type ProtocolHandler = (request: Request) => Response | Promise<Response>;
type RequestFilter = (details: { readonly url: string }, answer: (response: { readonly cancel?: boolean }) => void) => void;

const handlers = new Map<string, ProtocolHandler>();
let requestFilter: RequestFilter | undefined;

export const protocol = {
  registerSchemesAsPrivileged(schemes: readonly { readonly scheme: string }[]): void {
    for (const { scheme } of schemes) privileged.add(scheme);
  },
  handle(scheme: string, handler: ProtocolHandler): void {
    if (!privileged.has(scheme)) throw new Error(`${scheme}: is not registered as privileged`);
    handlers.set(scheme, handler);
  },
};

const privileged = new Set<string>();

class Session extends Emitter {
  readonly webRequest = {
    onBeforeRequest(listener: RequestFilter | null): void {
      requestFilter = listener ?? undefined;
    },
  };
  #requestHandler: Parameters<ElectronSession['setPermissionRequestHandler']>[0] = null;
  #checkHandler: Parameters<ElectronSession['setPermissionCheckHandler']>[0] = null;
  #deviceHandler: Parameters<ElectronSession['setDevicePermissionHandler']>[0] = null;

  setPermissionRequestHandler(handler: Parameters<ElectronSession['setPermissionRequestHandler']>[0]): void {
    this.#requestHandler = handler;
  }
  setPermissionCheckHandler(handler: Parameters<ElectronSession['setPermissionCheckHandler']>[0]): void {
    this.#checkHandler = handler;
  }
  setDevicePermissionHandler(handler: Parameters<ElectronSession['setDevicePermissionHandler']>[0]): void {
    this.#deviceHandler = handler;
  }

  /** Whether a page of `url` has a permission: both handlers have their say, and where there is none Electron allows it. */
  async isAllowed(permission: AskedPermission, url: string): Promise<boolean> {
    const origin = URL.parse(url)?.origin ?? '';
    const details = { isMainFrame: true, requestingUrl: url };
    if (this.#checkHandler?.(null, permission, origin, details) === false) return false;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    if (this.#requestHandler === null) resolve(true);
    // The page's contents are not what this app's handler goes by.
    else this.#requestHandler(undefined as never, permission, resolve, details);
    return await promise;
  }

  isDeviceAllowed(url: string): boolean {
    const device = { vendorId: 1, productId: 1 } as never;
    return this.#deviceHandler?.({ deviceType: 'hid', origin: URL.parse(url)?.origin ?? '', device }) !== false;
  }
}

export const session = { defaultSession: new Session(), fromPartition: (_name: string) => new Session() };

/** Those that both Electron and the browser behind the double know, by the same name. */
export const askedPermissions = ['notifications', 'geolocation', 'clipboard-read', 'midi'] as const;
type AskedPermission = (typeof askedPermissions)[number];

/** Chromium knows no scheme of the app's without Electron, so its pages have a host of the loopback that stands for it. */
const hostSuffix = '.app.localhost';

export function toPageUrl(url: string): string {
  const match = /^app:\/\/([^/]+)(.*)$/.exec(url);
  return match === null ? url : `http://${match[1]}${hostSuffix}${match[2] === '' ? '/' : match[2]}`;
}

export function toAppUrl(url: string): string {
  const match = /^http:\/\/([^/]+)\.app\.localhost(.*)$/.exec(url);
  return match === null ? url : `app://${match[1]}${match[2]}`;
}

/** What a request of a page gets; `undefined`: it is refused. */
export async function answerRequest(url: string): Promise<Response | undefined> {
  const isCancelled = await new Promise<boolean>((resolve) => {
    if (requestFilter === undefined) resolve(false);
    else requestFilter({ url }, ({ cancel }) => resolve(cancel === true));
  });
  const handler = handlers.get(url.split(':', 1)[0] ?? '');
  if (isCancelled || handler === undefined) return undefined;
  // `Request` of Node takes the app's scheme as it is.
  return await handler(new Request(url));
}
