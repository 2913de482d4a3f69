import { execFile } from 'node:child_process';

/** A session bus answers at once; a desktop that is just starting is asked again by nobody, so this is generous. */
const timeoutMs = 3_000;

/**
 * Whether icons in the tray can be seen. macOS and Windows have one; on Linux somebody has to watch for icons on the session bus, which
 * on GNOME is an extension that many do not have.
 */
export async function hasTray(platform: NodeJS.Platform): Promise<boolean> {
  if (platform !== 'linux') return true;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const args = ['--user', '--timeout=2', 'status', 'org.kde.StatusNotifierWatcher'];
  execFile('busctl', args, { timeout: timeoutMs }, (error) => resolve(error === null));
  return await promise;
}
