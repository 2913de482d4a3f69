import { assertNever } from '#base/common/assert-never.ts';
import { undoNftables } from './dns-nftables.ts';
import { restoreOrphanedResolvConf, undoResolvConf } from './dns-resolv-conf.ts';
import { undoResolved } from './dns-resolved.ts';
import type { JournalEntry } from './journal.ts';
import type { Laptop } from './laptop.ts';
import { interfaceIndex } from './linux-devices.ts';

/** Undoes one change; nothing happens where it is undone already. The caller then removes the entry. */
export async function undoEntry(laptop: Laptop, entry: JournalEntry): Promise<void> {
  switch (entry.kind) {
    case 'interface':
      return await removeInterface(laptop, entry);
    case 'resolved':
      return await undoResolved(laptop, entry.interface);
    case 'nftables':
      return await undoNftables(laptop, entry.interface);
    case 'resolv-conf':
      return undoResolvConf(laptop, entry);
    default:
      return assertNever(entry);
  }
}

/**
 * Undoes the changes of one interface, or all, newest first. One that fails is logged and stays in the journal for the next
 * start, and the others are undone all the same.
 *
 * @returns whether nothing is left.
 */
export async function undoEntries(laptop: Laptop, interfaceName?: string): Promise<boolean> {
  let isComplete = true;
  const entries = laptop.journal.entries.filter((entry) => interfaceName === undefined || entry.interface === interfaceName);
  for (const entry of entries.toReversed()) {
    try {
      await undoEntry(laptop, entry);
      laptop.journal.remove(entry);
    } catch (error) {
      isComplete = false;
      const reason = error instanceof Error ? error.message : String(error);
      laptop.log.error('A change could not be undone', { kind: entry.kind, interface: entry.interface, reason });
    }
  }
  return isComplete;
}

/** Everything that an earlier helper of this instance left. @returns whether nothing is left. */
export async function undoLeftovers(laptop: Laptop): Promise<boolean> {
  if (laptop.journal.entries.length > 0) laptop.log.warn('Undoing what an earlier helper left');
  const isComplete = await undoEntries(laptop);
  if (isComplete) restoreOrphanedResolvConf(laptop);
  return isComplete;
}

/** The number tells our device from a later one of the same name. */
async function removeInterface(laptop: Laptop, entry: JournalEntry & { kind: 'interface' }): Promise<void> {
  const isThere = () => entry.index !== undefined && interfaceIndex(entry.interface) === entry.index;
  if (!isThere()) return;
  try {
    await laptop.commands.run('ip', ['link', 'delete', 'dev', entry.interface]);
  } catch (error) {
    // It goes by itself when the daemon, which holds the other descriptor, ends at this moment.
    if (isThere()) throw error;
  }
}
