import { closeSync, constants, existsSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readIfThere } from '#base/node/text-file.ts';
import { type DnsHookRequest, type FormerDns, HookUnsuitable } from './dns-hook-request.ts';
import { instanceFiles } from './instance-directory.ts';
import type { JournalEntry } from './journal.ts';
import type { Laptop } from './laptop.ts';
import { formerContent, hookingInstance, parseResolvConf, renderHookedResolvConf } from './resolv-conf.ts';

/**
 * Last resort: resolv.conf itself names our server. Written in place, never renamed: the file may be a bind mount (containers)
 * or a link.
 */
export async function hookResolvConf(laptop: Laptop, request: DnsHookRequest): Promise<FormerDns> {
  const path = laptop.files.resolvConf;
  const current = readIfThere(path);
  const ours = laptop.journal.find('resolv-conf', request.interface);
  const original = ours !== undefined && current === ours.written ? ours.original : unhooked(laptop, current);
  const written = renderHookedResolvConf(laptop.instance, request.address, original);
  const { nameservers, search } = parseResolvConf(original ?? '');
  if (current !== written) {
    laptop.journal.record({
      kind: 'resolv-conf',
      interface: request.interface,
      ...(original === undefined ? {} : { original }),
      written,
    });
    writeInPlace(path, written);
  }
  return { formerServers: nameservers.filter((server) => server !== request.address), search };
}

/**
 * Puts the former content back. Where another program has written the file since, that one is right and stays. A beginning of
 * our content, or of the former one, is a write that was cut short.
 */
export function undoResolvConf(laptop: Laptop, entry: JournalEntry & { kind: 'resolv-conf' }): void {
  const path = laptop.files.resolvConf;
  const current = readIfThere(path);
  if (current === undefined || current === entry.original) return;
  if (!entry.written.startsWith(current) && entry.original?.startsWith(current) !== true) return;
  restore(path, entry.original);
}

/** After a power failure the journal, in memory, is gone but the file is not: it carries what it takes. */
export function restoreOrphanedResolvConf(laptop: Laptop): void {
  const path = laptop.files.resolvConf;
  const current = readIfThere(path);
  if (current === undefined || hookingInstance(current) !== laptop.instance) return;
  restore(path, formerContent(current));
  laptop.log.warn('resolv.conf of an earlier run restored', { path });
}

/** The content without the hook of any instance that is not there any more. */
function unhooked(laptop: Laptop, current: string | undefined): string | undefined {
  const holder = current === undefined ? undefined : hookingInstance(current);
  if (current === undefined || holder === undefined) return current;
  if (holder !== laptop.instance && existsSync(instanceFiles(holder).directory)) {
    throw new HookUnsuitable(`resolv.conf is hooked by instance ${holder}`);
  }
  return formerContent(current);
}

function restore(path: string, original: string | undefined): void {
  if (original === undefined) rmSync(path, { force: true });
  else writeInPlace(path, original);
}

function writeInPlace(path: string, text: string): void {
  const isNew = !existsSync(path);
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_TRUNC | (isNew ? constants.O_CREAT : 0), 0o644);
  try {
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  if (isNew) syncDirectory(dirname(path));
}

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
