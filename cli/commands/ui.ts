import { spawn } from 'node:child_process';
import { openDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';

/** Prints the address of the window, and opens it in the person's browser. The daemon that serves it is started where none runs. */
export const ui: Command<{ readonly open: boolean }> = (invocation, { open }) =>
  withApi(openDaemon(invocation), async (api) => {
    const { output, io } = invocation;
    const { url } = await api.call('openUi', {}, { signal: invocation.signal });
    const isOpened = open && (await openBrowser(url, io.env));
    output.result({ url, opened: isOpened }, () => url);
    if (!output.isStructured) {
      output.note(isOpened ? 'Opened in your browser' : 'Open this address in a browser of this computer; it is good for one');
    }
    return 0;
  });

/** A program that opens an address is there at once, or not at all. */
async function openBrowser(url: string, env: Readonly<Record<string, string | undefined>>): Promise<boolean> {
  const [file = '', ...args] = openerOf(env);
  if (file === '') return false;
  return await new Promise((resolve) => {
    const child = spawn(file, [...args, url], { detached: true, stdio: 'ignore', env: { ...env } });
    child.once('error', () => resolve(false));
    child.once('spawn', () => {
      child.unref();
      resolve(true);
    });
  });
}

function openerOf(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  switch (process.platform) {
    case 'darwin':
      return ['open'];
    case 'win32':
      return ['rundll32', 'url.dll,FileProtocolHandler'];
    default: {
      const hasScreen = [env['BROWSER'], env['DISPLAY'], env['WAYLAND_DISPLAY']].some((value) => (value ?? '') !== '');
      return hasScreen ? ['xdg-open'] : [];
    }
  }
}
