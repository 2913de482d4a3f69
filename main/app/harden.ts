import { app, type Session, type WebContents } from 'electron';
import type { Logger } from '#base/common/log.ts';
import { isRendererUrl } from './serve-renderer.ts';

/** Refuses what the app's page never needs, for every page there will be: the sandbox, other pages, windows, permissions. */
export function hardenPages(logger: Logger): void {
  app.enableSandbox();
  app.on('web-contents-created', (_event, contents) => hardenContents(contents, logger));
}

/** Of a session's pages: no permissions, whether asked for or looked up, and no requests but for the app's own files. */
export function hardenSession(session: Session, logger: Logger): void {
  session.setPermissionRequestHandler((_contents, permission, answer) => {
    logger.warn('A permission was refused', { permission });
    answer(false);
  });
  session.setPermissionCheckHandler(() => false);
  session.setDevicePermissionHandler(() => false);
  session.webRequest.onBeforeRequest(({ url }, answer) => {
    const isOwn = isRendererUrl(url) || url.startsWith('data:') || url.startsWith('blob:app://') || url.startsWith('devtools:');
    if (!isOwn) logger.warn('A request of the page was refused', { scheme: url.split(':', 1)[0] ?? '' });
    answer({ cancel: !isOwn });
  });
}

function hardenContents(contents: WebContents, logger: Logger): void {
  const refuse = (kind: string) => (event: { preventDefault(): void }) => {
    logger.warn('A page wanted to go elsewhere', { kind });
    event.preventDefault();
  };
  contents.on('will-navigate', refuse('navigation'));
  contents.on('will-redirect', refuse('redirect'));
  contents.on('will-frame-navigate', refuse('frame'));
  contents.on('will-attach-webview', refuse('webview'));
  contents.setWindowOpenHandler(() => {
    logger.warn('A page wanted to open a window');
    return { action: 'deny' };
  });
}
