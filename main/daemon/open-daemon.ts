import type { ApiClient } from '#net/rpc/client.ts';
import { findDaemonAt } from '#net/rpc/find-daemon.ts';
import { type DaemonLaunch, launchDaemon } from '#net/rpc/launch-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';

/** A daemon of another version gets this long to end what it has, before a new one takes its place. */
const quitTimeoutMs = 30_000;

/**
 * The running daemon, or one that is started. A daemon of another version, as an update leaves it, is asked to quit first: what the
 * person wants is on disk, and the new one makes it so again.
 */
export async function openDaemon(launch: DaemonLaunch): Promise<ApiClient> {
  try {
    const running = await findDaemonAt(launch.paths.daemonSocket);
    if (running !== undefined) return running;
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'version-mismatch') throw error;
    await quitOtherVersion(launch);
  }
  return await launchDaemon(launch);
}

async function quitOtherVersion({ paths, signal }: DaemonLaunch): Promise<void> {
  const other = await findDaemonAt(paths.daemonSocket, { isQuitOnly: true });
  if (other === undefined) return;
  const limits = AbortSignal.any([signal, AbortSignal.timeout(quitTimeoutMs)]);
  try {
    await other.call('quit', {}, { signal: limits });
    await other.closed;
  } catch (error) {
    // It answers before it ends, or ends before it answers; either is what was asked for.
    if (!(error instanceof AppError) || error.code !== 'daemon.lost') throw error;
  } finally {
    other.close();
  }
}
