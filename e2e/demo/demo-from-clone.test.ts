import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { chmod, chown, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkout, settings } from '../support/settings.ts';

const run = promisify(execFile);
/** Of nobody on this machine. */
const uid = 64_017;
/** Packages are installed, bundles built, and pods started. */
const timeoutMs = 240_000;

const missing = settings.isFull ? missingFor() : 'minutes of installing: E2E_FULL is not set';
const title = 'the demo in a bare clone';

/** What anybody who has just cloned the repository does, with the sandbox that the demo starts. */
describe.skipIf(missing !== undefined)(missing === undefined ? title : `${title} (skipped: ${missing})`, () => {
  let directory = '';
  let clone = '';
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'demo-'));
    await chmod(directory, 0o755);
    clone = join(directory, 'clone');
    await run('git', ['clone', '--quiet', '--depth', '1', `file://${checkout}`, clone]);
    await mkdir(join(directory, 'home'));
    for (const path of [clone, join(directory, 'home')]) await run('chown', ['--recursive', `${uid}:${uid}`, path]);
    await chown(directory, uid, uid);
  }, timeoutMs);
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  it.each(['an ordinary user', 'root'])(
    'ends well as %s, and leaves nothing behind',
    async (who) => {
      const before = await leftovers();
      const { stdout } = await run('unshare', ['--mount', 'sh', '-c', script, clone, who === 'root' ? '0' : String(uid)], {
        env: { ...process.env, HOME: join(directory, 'home'), KUBECONFIG: '', npm_config_userconfig: '' },
        maxBuffer: 16 * 1024 * 1024,
        timeout: timeoutMs,
      }).catch((error: { stdout?: string; stderr?: string }) => {
        throw new Error(`${error.stdout ?? ''}\n${error.stderr ?? ''}`);
      });
      expect(stdout).toMatch(/catalogue v1 on .*\|.*catalogue v2, with a sale/);
      expect(stdout).toContain(who === 'root' ? 'every program of this machine' : 'without root');
      expect(stdout).toContain('are as before');
      expect(await leftovers()).toEqual(before);
    },
    timeoutMs,
  );
});

/** Most systems let every user open the TUN device; where the tests run it may be root's alone. */
const script = [
  'node=$(mktemp -u) && mknod -m 666 "$node" c 10 200 && mount --bind "$node" /dev/net/tun && rm "$node"',
  'cd "$0" && exec setpriv --reuid "$1" --regid "$1" --clear-groups npm run demo -- --yes',
].join('\n');

/** Processes and interfaces of the product. */
async function leftovers(): Promise<readonly string[]> {
  const [processes, links] = await Promise.all([run('ps', ['-eo', 'args']), run('ip', ['-o', 'link'])]);
  return [
    ...processes.stdout.split('\n').filter((line) => /(daemon|helper|sandbox|sandbox-machine|manager|agent)\.js/.test(line)),
    ...links.stdout.split('\n').filter((line) => /\b(tel\d+|tpsb\w*)\b/.test(line)),
  ];
}

function missingFor(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  return process.getuid?.() === 0 ? undefined : 'needs root';
}
