import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout, settings } from '../support/settings.ts';

const run = promisify(execFile);
/** Of nobody on this machine. */
const uid = 64_017;
/** Packages are installed, bundles built, and pods started. */
const timeoutMs = 300_000;

const missing = missingFor();
const title = 'the demo in a bare clone';

/** What anybody who has just cloned the repository does, with the sandbox that the demo starts. */
describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let directory = '';
  let clone = '';
  const folder = (name: string) => join(directory, name);

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'demo-'));
    await chmod(directory, 0o755);
    clone = folder('clone');
    await run('git', ['clone', '--quiet', '--depth', '1', `file://${checkout}`, clone]);
    for (const name of ['home', 'tmp', 'npm']) await mkdir(folder(name));
    // What this machine has downloaded already is not downloaded again.
    const downloads = process.env['npm_config_cache'] ?? join(homedir(), '.npm');
    if (existsSync(join(downloads, '_cacache'))) await run('cp', ['--recursive', join(downloads, '_cacache'), folder('npm')]);
    await run('chown', ['--recursive', `${uid}:${uid}`, directory]);
  }, timeoutMs);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  // The packages that the first one installs are there for the second.
  it.each(['an ordinary user', 'root'])(
    'ends well as %s, and leaves nothing behind',
    async (who) => {
      const isRoot = who === 'root';
      if (isRoot) await chown(folder('home'), 0, 0);
      const before = readdirSync(tmpdir());
      const { stdout } = await run('unshare', ['--mount', 'sh', '-c', script, clone, isRoot ? '0' : String(uid)], {
        env: {
          ...process.env,
          HOME: folder('home'),
          TMPDIR: folder('tmp'),
          KUBECONFIG: '',
          npm_config_cache: folder('npm'),
          npm_config_prefer_offline: 'true',
        },
        maxBuffer: 16 * 1024 * 1024,
        timeout: timeoutMs,
      }).catch((error: { stdout?: string; stderr?: string }) => {
        throw new Error(`${error.stdout ?? ''}\n${error.stderr ?? ''}`);
      });
      expect(stdout).toMatch(/catalogue v1 on .*\|.*catalogue v2, with a sale/);
      expect(stdout).toContain(isRoot ? 'every program of this machine' : 'without root');
      // It compares interfaces, addresses, routes, rules, packet filter and resolver, and fails where they differ.
      expect(stdout).toContain('are as before');
      expect(processesOf(directory)).toEqual([]);
      expect(readdirSync(folder('tmp')).filter((name) => name.startsWith('telepresence'))).toEqual([]);
      expect(readdirSync(tmpdir()).filter((name) => name.startsWith('telepresence-') && !before.includes(name))).toEqual([]);
    },
    timeoutMs,
  );
});

/** Most systems let every user open the TUN device; where the tests run it may be root's alone. */
const script = [
  'node=$(mktemp -u) && mknod -m 666 "$node" c 10 200 && mount --bind "$node" /dev/net/tun && rm "$node"',
  'cd "$0" && exec setpriv --reuid "$1" --regid "$1" --clear-groups npm run demo -- --yes',
].join('\n');

/** Whose command line or environment names the folder. */
function processesOf(directory: string): readonly string[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    try {
      const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
      return `${read('cmdline')} ${read('environ')}`.includes(directory) ? [`${pid} ${read('cmdline')}`] : [];
    } catch {
      // It has ended.
      return [];
    }
  });
}

function missingFor(): string | undefined {
  if (settings.sandbox !== undefined) return 'starts a sandbox of its own';
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync(join(checkout, '.git')) ? undefined : 'needs a clone with its history';
}
