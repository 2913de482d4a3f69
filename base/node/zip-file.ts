import { randomBytes } from 'node:crypto';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { crc32, createDeflateRaw } from 'node:zlib';

/** Of an entry of the directory at the end, and of an end: APPNOTE 4.3.12 and 4.3.16. */
const limits = { entries: 0xffff, bytes: 0xffff_fffe } as const;

const localHeaderBytes = 30;
/** 2.0: deflate. Made on Unix, so that the mode of a file counts. */
const version = 20;
const madeByUnix = (3 << 8) | version;
/** Names are UTF-8. */
const flags = 0x0800;
const deflated = 8;
/** -rw------- of a regular file, in the upper half. */
const privateFile = (0o100600 << 16) >>> 0;

interface Entry {
  readonly name: Buffer;
  readonly offset: number;
  readonly crc: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly time: number;
  readonly date: number;
}

/**
 * Writes a zip file of mode 0600, one entry after the other, with as much memory as one piece of an entry takes. It has its name only when
 * it is finished. Without ZIP64: 65,535 entries and 4 GiB at most.
 *
 * ```
 * ┌ local header ┬ name ┬ deflated bytes ┐ …   ┌ directory entry ┬ name ┐ …   ┌ end ┐
 * └──────────────┴──────┴────────────────┘     └─────────────────┴──────┘     └─────┘
 * ```
 */
export class ZipFile {
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: FileHandle;
  readonly #entries: Entry[] = [];
  #position = 0;

  private constructor(path: string, temporary: string, file: FileHandle) {
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
  }

  /** @throws Node's own error where the folder cannot be written to. */
  static async create(path: string): Promise<ZipFile> {
    const temporary = `${path}.${randomBytes(4).toString('hex')}.new`;
    return new ZipFile(path, temporary, await open(temporary, 'wx', 0o600));
  }

  /** @returns the entry's size before it was deflated. @throws what `content` throws: the file is then to be given up. */
  async add(
    name: string,
    content: AsyncIterable<string | Uint8Array> | Iterable<string | Uint8Array>,
    at = new Date(),
  ): Promise<number> {
    const nameBytes = Buffer.from(name);
    const offset = this.#position;
    const dataStart = offset + localHeaderBytes + nameBytes.length;
    let [position, crc, bytes] = [dataStart, 0, 0];
    const deflate = createDeflateRaw();
    const written = (async () => {
      for await (const chunk of deflate as AsyncIterable<Buffer>) {
        await this.#file.write(chunk, 0, chunk.length, position);
        position += chunk.length;
      }
    })();
    try {
      for await (const piece of content) {
        const chunk = typeof piece === 'string' ? Buffer.from(piece) : piece;
        crc = crc32(chunk, crc);
        bytes += chunk.length;
        if (!deflate.write(chunk)) await Promise.race([new Promise((resolve) => deflate.once('drain', resolve)), written]);
      }
      deflate.end();
      await written;
    } catch (error) {
      deflate.destroy();
      await written.catch(() => undefined);
      throw error;
    }
    if (position > limits.bytes || bytes > limits.bytes || this.#entries.length >= limits.entries) {
      throw new Error('A zip file of this kind holds 4 GiB and 65,535 entries at most');
    }
    const entry = { name: nameBytes, offset, crc, packedBytes: position - dataStart, bytes, ...dosTime(at) };
    const header = localHeader(entry);
    await this.#file.write(header, 0, header.length, offset);
    this.#entries.push(entry);
    this.#position = position;
    return bytes;
  }

  async finish(): Promise<void> {
    const directory = this.#entries.map(directoryEntry);
    const size = directory.reduce((sum, { length }) => sum + length, 0);
    const tail = Buffer.concat([...directory, endRecord(this.#entries.length, size, this.#position)]);
    await this.#file.write(tail, 0, tail.length, this.#position);
    await this.#file.close();
    await rename(this.#temporary, this.#path);
  }

  /** Leaves nothing behind. */
  async giveUp(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(this.#temporary, { force: true });
  }
}

function localHeader(entry: Entry): Buffer {
  const header = Buffer.alloc(localHeaderBytes);
  header.writeUInt32LE(0x0403_4b50, 0);
  header.writeUInt16LE(version, 4);
  writeShared(header, entry, 6);
  return Buffer.concat([header, entry.name]);
}

function directoryEntry(entry: Entry): Buffer {
  const header = Buffer.alloc(46);
  header.writeUInt32LE(0x0201_4b50, 0);
  header.writeUInt16LE(madeByUnix, 4);
  header.writeUInt16LE(version, 6);
  writeShared(header, entry, 8);
  header.writeUInt32LE(privateFile, 38);
  header.writeUInt32LE(entry.offset, 42);
  return Buffer.concat([header, entry.name]);
}

/** Flags, method, time, date, checksum, both sizes and the name's length, which both headers have in this order. */
function writeShared(header: Buffer, { name, crc, packedBytes, bytes, time, date }: Entry, at: number): void {
  for (const [index, value] of [flags, deflated, time, date].entries()) header.writeUInt16LE(value, at + 2 * index);
  for (const [index, value] of [crc, packedBytes, bytes].entries()) header.writeUInt32LE(value, at + 8 + 4 * index);
  header.writeUInt16LE(name.length, at + 20);
}

function endRecord(entries: number, bytes: number, offset: number): Buffer {
  const record = Buffer.alloc(22);
  record.writeUInt32LE(0x0605_4b50, 0);
  record.writeUInt16LE(entries, 8);
  record.writeUInt16LE(entries, 10);
  record.writeUInt32LE(bytes, 12);
  record.writeUInt32LE(offset, 16);
  return record;
}

/** In two seconds, local, from 1980 on. */
function dosTime(at: Date): { readonly time: number; readonly date: number } {
  return {
    time: (at.getHours() << 11) | (at.getMinutes() << 5) | (at.getSeconds() >> 1),
    date: (Math.max(0, at.getFullYear() - 1980) << 9) | ((at.getMonth() + 1) << 5) | at.getDate(),
  };
}
