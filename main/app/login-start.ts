import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The argument by which the app knows that the login started it, and nobody who wants to see it. */
export const loginArgument = '--started-at-login';

/** What turns the start at login on and off on one system. */
export interface LoginStart {
  set(isOn: boolean): void;
}

export interface LoginStartOptions {
  readonly platform: NodeJS.Platform;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDirectory: string;
  /** The app's own program; inside an AppImage that of the image, for the other is gone with the mount. */
  readonly executable: string;
  /** Electron's: macOS and Windows keep the list themselves. */
  setLoginItemSettings(settings: { readonly openAtLogin: boolean; readonly args: string[] }): void;
}

export function createLoginStart(options: LoginStartOptions): LoginStart {
  if (options.platform !== 'linux') {
    return { set: (isOn) => options.setLoginItemSettings({ openAtLogin: isOn, args: [loginArgument] }) };
  }
  const file = autostartFile(options);
  return {
    set(isOn) {
      const text = desktopEntry(options.env['APPIMAGE'] ?? options.executable);
      if (!isOn) rmSync(file, { force: true });
      else if (readIfThere(file) !== text) {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, text);
      }
    },
  };
}

/** By the specification of the desktops for programs that start at login. */
function autostartFile({ env, homeDirectory }: LoginStartOptions): string {
  const configured = env['XDG_CONFIG_HOME'];
  const config = configured === undefined || configured === '' ? join(homeDirectory, '.config') : configured;
  return join(config, 'autostart', 'telepresence.desktop');
}

function desktopEntry(executable: string): string {
  // Quoted as the specification of desktop entries wants it.
  const quoted = `"${executable.replaceAll(/["`$\\]/g, (special) => `\\${special}`).replaceAll('%', '%%')}"`;
  return `[Desktop Entry]
Type=Application
Name=Telepresence
Comment=Puts this laptop inside a Kubernetes cluster
Exec=${quoted} ${loginArgument}
Icon=telepresence
Terminal=false
X-GNOME-Autostart-enabled=true
`;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
