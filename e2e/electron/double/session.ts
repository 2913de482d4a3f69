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
  setPermissionRequestHandler(_handler: ((...args: never[]) => void) | null): void {}
  setPermissionCheckHandler(_handler: ((...args: never[]) => boolean) | null): void {}
  setDevicePermissionHandler(_handler: ((...args: never[]) => boolean) | null): void {}
}

export const session = { defaultSession: new Session() };

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
