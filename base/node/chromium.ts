/** The Chromium of the machine, for what draws or tests pages with it. */
export const chromiumProgram = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

/** For a Chromium without a screen, which asks nobody for anything by itself. In a container there is no sandbox of its own. */
export const chromiumFlags: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
