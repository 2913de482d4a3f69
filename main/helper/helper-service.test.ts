import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createHelperService } from './helper-service.ts';

vi.mock('sudo-prompt', () => ({ default: {} }));

const unit = 'telepresence-helper@1000.service';
const instance = createHash('sha256').update('1000:/run/user/1000/telepresence').digest('hex').slice(0, 12);
let directory = '';

/** A `systemctl` that keeps what is enabled in a file. */
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'helper-service-'));
  mkdirSync(join(directory, 'bin'));
  mkdirSync(join(directory, 'units'));
  const script = `#!/bin/sh
    echo "$*" >> ${directory}/asked
    case "$1" in
      is-enabled) test -e ${directory}/enabled ;;
      enable) touch ${directory}/enabled ;;
      disable) rm ${directory}/enabled ;;
    esac`;
  writeFileSync(join(directory, 'bin/systemctl'), script, { mode: 0o755 });
  writeFileSync(join(directory, 'units/telepresence-helper@.service'), '');
  vi.stubEnv('PATH', `${join(directory, 'bin')}:${process.env['PATH']}`);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(directory, { recursive: true });
});

const service = (change: Partial<Parameters<typeof createHelperService>[0]> = {}) =>
  createHelperService({
    platform: 'linux',
    uid: 1_000,
    instance,
    asRoot: true,
    unitDirectories: [join(directory, 'units')],
    ...change,
  });

it('installs and uninstalls by the command that was shown', async () => {
  const before = await service().describe();
  expect(before).toMatchObject({ state: 'not-installed', command: ['systemctl', 'enable', '--now', unit] });
  await service().change(true, before.command ?? []);
  const after = await service().describe();
  expect(after).toMatchObject({ state: 'installed', command: ['systemctl', 'disable', '--now', unit] });
  expect(after.paths.map(({ path }) => path)).toContain(`/etc/systemd/system/multi-user.target.wants/${unit}`);
  await service().change(false, after.command ?? []);
  expect(existsSync(join(directory, 'enabled'))).toBe(false);
});

it('runs nothing else', async () => {
  await expect(service().change(true, ['rm', '-rf', '/'])).rejects.toMatchObject({ code: 'usage' });
  await expect(service().change(false, ['systemctl', 'enable', '--now', unit])).rejects.toMatchObject({ code: 'usage' });
  expect(existsSync(join(directory, 'asked'))).toBe(false);
});

it('says why it cannot, and does not', async () => {
  for (const change of [{ platform: 'darwin' }, { unitDirectories: [] }, { instance: '0123456789ab' }] as const) {
    expect(await service(change).describe()).toMatchObject({ state: 'unsupported', reason: expect.any(String) as unknown });
    await expect(service(change).change(true, ['systemctl', 'enable', '--now', unit])).rejects.toMatchObject({ code: 'usage' });
  }
});

it('passes on what the command says when it fails', async () => {
  writeFileSync(join(directory, 'bin/systemctl'), '#!/bin/sh\necho "Unit is masked" >&2; exit 1\n', { mode: 0o755 });
  const { command = [] } = await service().describe();
  await expect(service().change(true, command)).rejects.toMatchObject({ code: 'helper.not-running', reason: 'Unit is masked' });
});
