import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ZipFile } from './zip-file.ts';

describe('a zip file', () => {
  let directory: string;
  let path: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'zip-'));
    path = join(directory, 'all.zip');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  /** What another program reads of it, after it has checked the sums. */
  const read = () => {
    const script = `import zipfile,sys,json
z=zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None
print(json.dumps([[i.filename, i.file_size, i.external_attr >> 16 & 0o777, z.read(i).decode()[:20]] for i in z.infolist()]))`;
    return JSON.parse(execFileSync('python3', ['-c', script, path]).toString()) as unknown;
  };

  it('is read by others, with names and content in all letters, large and empty entries', async () => {
    const zip = await ZipFile.create(path);
    expect(await zip.add('größe.log', ['Ä\n', Buffer.from('b')])).toBe(4);
    await zip.add('empty.log', []);
    const large = async function* () {
      for (let count = 0; count < 2_000; count += 1) yield `${'x'.repeat(1_000)}\n`;
    };
    expect(await zip.add('large.log', large())).toBe(2_002_000);
    await zip.finish();
    expect(read()).toEqual([
      ['größe.log', 4, 0o600, 'Ä\nb'],
      ['empty.log', 0, 0o600, ''],
      ['large.log', 2_002_000, 0o600, 'x'.repeat(20)],
    ]);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(path).size).toBeLessThan(10_000);
  });

  it('leaves nothing behind when it is given up', async () => {
    const zip = await ZipFile.create(path);
    const broken = async function* () {
      yield 'some';
      throw new Error('torn');
    };
    await expect(zip.add('a', broken())).rejects.toThrow('torn');
    await zip.giveUp();
    expect(readdirSync(directory)).toEqual([]);
  });
});
