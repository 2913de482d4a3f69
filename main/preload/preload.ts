import { ipcRenderer } from 'electron';
import { ipcChannels, windowMessages } from '#protocol/app-bridge/ports.ts';

// Nothing is exposed to the page: it gets ports, and what it says on them is checked in main.

const portTypes: readonly unknown[] = [windowMessages.daemonPort, windowMessages.bridgePort];

ipcRenderer.on(ipcChannels.port, ({ ports }, type: unknown) => {
  if (!portTypes.includes(type) || ports.length !== 1) return;
  window.postMessage({ type }, location.origin === 'null' ? '*' : location.origin, [...ports]);
});

window.addEventListener('message', ({ source, data }: MessageEvent<unknown>) => {
  if (source !== window || typeof data !== 'object' || data === null) return;
  if (!('type' in data) || data.type !== windowMessages.request) return;
  hasAsked = true;
  ipcRenderer.send(ipcChannels.portsWanted);
});

// When the page's own scripts have run, so that it listens; one that starts to listen later asks. Asking replaces the ports that it has.
let hasAsked = false;
window.addEventListener(
  'load',
  () => {
    if (!hasAsked) ipcRenderer.send(ipcChannels.portsWanted);
  },
  { once: true },
);
