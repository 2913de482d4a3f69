/**
 * `type` of the window messages by which the page gets its ports, each as `ports[0]`. They come again when the daemon came back or was
 * replaced: the newest port counts. A page that starts to listen late asks for them with `request`.
 */
export const windowMessages = {
  daemonPort: 'telepresence-port',
  bridgePort: 'telepresence-app-port',
  request: 'telepresence-ports-wanted',
} as const;

/** Last message on a port to the daemon: not every Chromium tells a page that the other end of its port is closed. */
export const portEnd = { closed: true } as const;

/**
 * The only two names that Electron's own IPC is used with, between preload and main; everything else goes over the ports that main
 * hands over by the second.
 */
export const ipcChannels = {
  /** Preload → main, without a payload: the page can take its ports. */
  portsWanted: 'ports-wanted',
  /** Main → preload with one port: its payload is `type` of the window message to pass it on by. */
  port: 'port',
} as const;
