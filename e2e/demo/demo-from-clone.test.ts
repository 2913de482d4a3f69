import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFailure, mustRun } from '../support/program.ts';
import { checkout, settings, titled } from '../support/settings.ts';
import { type DemoMachine, pathOfMachine, startDemoMachine } from './demo-machine.ts';

/** Of nobody on this machine. */
const ordinaryUid = 64_017;
/** Packages are installed, bundles built, and pods started. */
const timeoutMs = 300_000;

const missing = missingFor();

/** What anybody who has just cloned the repository does, with the machine's own Node and npm, and the sandbox that the demo starts. */
describe.skipIf(missing !== undefined)(titled('the demo in a bare clone', missing), () => {
  let directory = '';
  const machines: DemoMachine[] = [];

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'demo-'));
    await chmod(directory, 0o755);
  }, timeoutMs);
  afterAll(async () => {
    for (const machine of machines) await machine.close();
    await rm(directory, { recursive: true, force: true });
  });

  it.each([
    { who: 'an ordinary user', uid: ordinaryUid },
    { who: 'root', uid: 0 },
  ])(
    'ends well as $who, and leaves nothing behind',
    async ({ uid }) => {
      const home = await makeHome(join(directory, String(uid)), uid);
      const machine = await startDemoMachine({ directories: [join(home, 'tmp')] });
      machines.push(machine);
      const ownTemporary = async () => (await readdir(tmpdir())).filter((name) => name.startsWith('telepresence-'));
      const [before, temporaryBefore] = [await machine.snapshot(), await ownTemporary()];

      const demo = await machine.run(['npm', 'run', 'demo', '--', '--yes'], {
        uid,
        cwd: join(home, 'clone'),
        timeoutMs,
        env: {
          HOME: home,
          TMPDIR: join(home, 'tmp'),
          PATH: pathOfMachine(),
          LANG: 'C.UTF-8',
          ...settingsOfNpm(),
          npm_config_cache: join(home, 'npm'),
          npm_config_prefer_offline: 'true',
        },
      });
      if (demo.code !== 0) throw new Error(describeFailure(['npm run demo'], demo));
      expect(`${demo.stdout}${demo.stderr}`).toContain('Installing packages');
      // A figure, not a limit: how long it takes is the machine's and the network's affair.
      console.log(
        `From the bare clone to the end as ${uid === 0 ? 'root' : 'a user'}: ${(demo.durationMs / 1_000).toFixed(0)} s`,
      );
      expect(demo.stdout).toMatch(/catalogue v1 on .*\|.*catalogue v2, with a sale/);
      expect(demo.stdout).toContain(uid === 0 ? 'every program of this machine' : 'without root');

      expect(await machine.snapshot()).toEqual(before);
      expect((await ownTemporary()).filter((name) => !temporaryBefore.includes(name))).toEqual([]);
    },
    timeoutMs,
  );
});

/** A home with a bare clone, and with what this machine has downloaded of packages, which is not downloaded again. */
async function makeHome(home: string, uid: number): Promise<string> {
  for (const name of ['', 'tmp', 'npm']) await mkdir(join(home, name));
  await mustRun(['git', 'clone', '--quiet', '--depth', '1', `file://${checkout}`, join(home, 'clone')]);
  const downloads = join(process.env['npm_config_cache'] ?? join(homedir(), '.npm'), '_cacache');
  if (existsSync(downloads)) await mustRun(['cp', '--recursive', downloads, join(home, 'npm')]);
  await mustRun(['chown', '--recursive', `${uid}:${uid}`, home], { timeoutMs });
  await chown(home, uid, uid);
  return home;
}

/** Where this machine has npm get packages and Node's headers from; `npm run` puts a person's settings into the environment. */
function settingsOfNpm(): Readonly<Record<string, string>> {
  const wanted =
    /^(https?_proxy|no_proxy|npm_config_(registry|.*proxy|cafile|nodedir)|node_extra_ca_certs|ssl_cert_(file|dir))$/i;
  const entries = Object.entries(process.env).filter(([name]) => wanted.test(name));
  return Object.fromEntries(entries.map(([name, value]) => [name, value ?? '']));
}

function missingFor(): string | undefined {
  if (settings.sandbox !== undefined) return 'starts a sandbox of its own';
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  return existsSync(join(checkout, '.git')) ? undefined : 'needs a clone with its history';
}
