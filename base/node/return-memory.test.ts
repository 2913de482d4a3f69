import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { returnMemory, unwrittenMappings } from './return-memory.ts';

interface Fields {
  readonly rights?: string;
  readonly file?: string;
  readonly rss?: number;
  readonly anonymous?: number;
  readonly dirty?: number;
}

/** An entry of smaps(5), with the lines that count and some that do not. */
function entry(range: string, { rights = 'r-xp', file = '/opt/node', rss = 12, anonymous = 0, dirty = 0 }: Fields = {}): string {
  return `${range} ${rights} 00346000 fe:00 5337494                            ${file}
Size:                 12 kB
Rss:                  ${rss} kB
Private_Clean:         0 kB
Private_Dirty:         ${dirty} kB
Anonymous:             ${anonymous} kB
AnonHugePages:         0 kB
Swap:                  0 kB
VmFlags: rd ex mr mw me sd
`;
}

const found = (text: string) => unwrittenMappings(text, '/opt/node');

describe('mappings that were never written', () => {
  it('are code and constants of the program, wherever they are', () => {
    const smaps = entry('00400000-00402000', { rights: 'r--p' }) + entry('7f4fa7dc0000-7f4fa7fc5000', { rss: 2068 });
    expect(found(smaps)).toEqual([
      { start: 0x40_0000, length: 0x2000, residentKib: 12 },
      { start: 0x7f4f_a7dc_0000, length: 0x20_5000, residentKib: 2068 },
    ]);
  });

  it.each<[string, Fields]>([
    ['that can be written', { rights: 'rw-p' }],
    ['that can be written and run', { rights: 'rwxp' }],
    ['without any right', { rights: '---p' }],
    ['shared with others', { rights: 'r--s' }],
    ['with relocations', { rights: 'r--p', anonymous: 4 }],
    ['with something unsaved', { dirty: 4 }],
    ['without anything in memory', { rss: 0 }],
    ['of a library', { file: '/usr/lib/libc.so.6' }],
    ['of a file whose name begins the same', { file: '/opt/node (deleted)' }],
    ['of no file', { file: '[heap]' }],
  ])('are none %s', (_what, fields) => {
    expect(found(entry('00400000-00402000', fields) + entry('00500000-00501000'))).toEqual([
      { start: 0x50_0000, length: 0x1000, residentKib: 12 },
    ]);
  });

  it('are none where a line that counts is missing', () => {
    expect(found(entry('00400000-00402000').replace(/^Anonymous.*\n/m, ''))).toEqual([]);
    expect(found('')).toEqual([]);
    expect(found('00400000-00402000 r-xp')).toEqual([]);
  });
});

describe.skipIf(process.platform !== 'linux')('memory that was returned', () => {
  const residentFiles = () => Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);

  it('is counted no longer, and what is used comes back', () => {
    const before = residentFiles();
    const returned = returnMemory();
    // Where the program is on a file system that may go away, there is nothing to return.
    if (returned === 0) return;
    expect(residentFiles()).toBeLessThan(before);
    expect(JSON.parse(JSON.stringify({ a: [1, 'é'.normalize('NFD'), new Date(0).toISOString()] }))).toEqual({
      a: [1, 'e\u0301', '1970-01-01T00:00:00.000Z'],
    });
    expect(returnMemory()).toBeGreaterThan(0);
  });
});
