import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod/mini';
import { readIfThere } from '#base/node/text-file.ts';
import { interfaceNamePattern } from '#protocol/helper/helper-api.ts';

const ourInterface = z.string().check(z.regex(interfaceNamePattern));

const journalEntry = z.discriminatedUnion('kind', [
  /**
   * A TUN device; addresses and routes go with it. Without `index` it was about to be made: the descriptor of a helper that died
   * then is closed, so there is no device.
   */
  z.object({ kind: z.literal('interface'), interface: ourInterface, index: z.optional(z.int()) }),
  z.object({ kind: z.literal('resolved'), interface: ourInterface }),
  z.object({ kind: z.literal('nftables'), interface: ourInterface }),
  /** `original` is absent where there was no file. `written` tells our content from that of another program. */
  z.object({ kind: z.literal('resolv-conf'), interface: ourInterface, original: z.optional(z.string()), written: z.string() }),
]);

const journalFile = z.object({ version: z.literal(1), entries: z.array(journalEntry) });

/** One change to the laptop, with what it takes to undo it. */
export type JournalEntry = z.infer<typeof journalEntry>;

/**
 * The changes that have to be undone, on disk before they are made: each write is complete or did not happen (write aside,
 * fsync, rename, fsync of the directory).
 */
export class Journal {
  readonly #path: string;
  #entries: readonly JournalEntry[] = [];

  constructor(path: string) {
    this.#path = path;
  }

  /** Oldest first. */
  get entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  /** Reads what an earlier helper left. @throws where the file is there and is not a journal. */
  load(): void {
    const text = readIfThere(this.#path);
    if (text !== undefined) this.#entries = journalFile.parse(JSON.parse(text)).entries;
  }

  find<Kind extends JournalEntry['kind']>(kind: Kind, interfaceName: string): (JournalEntry & { kind: Kind }) | undefined {
    const isWanted = (entry: JournalEntry): entry is JournalEntry & { kind: Kind } => isAbout(entry, kind, interfaceName);
    return this.#entries.find(isWanted);
  }

  /** Adds an entry, or replaces the one of the same kind and interface in its place. */
  record(entry: JournalEntry): void {
    const index = this.#entries.findIndex((known) => isAbout(known, entry.kind, entry.interface));
    this.#write(index === -1 ? [...this.#entries, entry] : this.#entries.with(index, entry));
  }

  remove(entry: JournalEntry): void {
    this.#write(this.#entries.filter((known) => !isAbout(known, entry.kind, entry.interface)));
  }

  #write(entries: readonly JournalEntry[]): void {
    const aside = `${this.#path}.new`;
    const descriptor = openSync(aside, 'w', 0o600);
    try {
      writeFileSync(descriptor, JSON.stringify({ version: 1, entries }));
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(aside, this.#path);
    const directory = openSync(dirname(this.#path), 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
    this.#entries = entries;
  }
}

function isAbout(entry: JournalEntry, kind: JournalEntry['kind'], interfaceName: string): boolean {
  return entry.kind === kind && entry.interface === interfaceName;
}
