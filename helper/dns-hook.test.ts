import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { clearDnsHook, setDnsHook } from './dns-hook.ts';
import { nftablesScript } from './dns-nftables.ts';
import { Journal } from './journal.ts';
import type { Laptop } from './laptop.ts';
import { CommandError } from './run-command.ts';
import { undoLeftovers } from './undo.ts';

const instance = '0123456789ab';
const request = {
  interface: 'tel0',
  address: '198.18.0.1',
  domains: ['tel2-search', '~cluster.local'],
  exemptPorts: { first: 40_000, last: 40_015 },
};
const stubRuns = '  38: 3500007F:0035 00000000:0000 07 00000000:00000000 00:00000000 00000000   101\n';

describe('DNS hook', () => {
  let directory: string;
  let commands: string[];
  let failing: (command: string) => boolean;
  let laptop: Laptop;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'dns-hook-'));
    commands = [];
    failing = () => false;
    const file = (name: string) => join(directory, name);
    laptop = {
      instance,
      isIsolated: false,
      journal: new Journal(file('journal.json')),
      log: silentLogger,
      files: {
        resolvConf: file('resolv'),
        resolvedUpstream: file('upstream'),
        udpSockets: file('udp'),
        ipv6Disabled: file('v6'),
      },
      commands: {
        run: async (program, args) => {
          const command = [program, ...args].join(' ');
          commands.push(command);
          if (failing(command)) throw new CommandError(program, false, 'Failed');
          return '';
        },
      },
    };
    writeFileSync(laptop.files.resolvConf, 'nameserver 127.0.0.53\nsearch lan\n');
    writeFileSync(laptop.files.resolvedUpstream, 'nameserver 192.0.2.1\nnameserver 198.18.0.1\n');
    writeFileSync(laptop.files.udpSockets, stubRuns);
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('gives systemd-resolved the domains of the link and names the servers behind it', async () => {
    await expect(setDnsHook(laptop, request, ['resolved', 'nftables'])).resolves.toEqual({
      mode: 'resolved',
      formerServers: ['192.0.2.1'],
      search: ['lan'],
    });
    expect(commands.slice(0, 3)).toEqual([
      'resolvectl dns tel0 198.18.0.1',
      'resolvectl domain tel0 tel2-search ~cluster.local',
      'resolvectl default-route tel0 no',
    ]);
    expect(laptop.journal.entries).toEqual([{ kind: 'resolved', interface: 'tel0' }]);
  });

  it('does not need the extras that an older systemd-resolved lacks', async () => {
    failing = (command) => command.includes('dnsovertls') || command.includes('flush-caches');
    await expect(setDnsHook(laptop, request, ['resolved'])).resolves.toMatchObject({ mode: 'resolved' });
  });

  it('goes on to the next mode where systemd-resolved fails, is not running, or is not what programs ask', async () => {
    failing = (command) => command.startsWith('resolvectl domain');
    await expect(setDnsHook(laptop, request, ['resolved', 'nftables'])).resolves.toMatchObject({ mode: 'nftables' });
    failing = () => false;
    writeFileSync(laptop.files.udpSockets, '');
    await expect(setDnsHook(laptop, request, ['resolved', 'nftables'])).resolves.toMatchObject({ mode: 'nftables' });
    writeFileSync(laptop.files.udpSockets, stubRuns);
    writeFileSync(laptop.files.resolvConf, 'nameserver 192.0.2.1\n');
    await expect(setDnsHook(laptop, request, ['resolved', 'nftables'])).resolves.toMatchObject({ mode: 'nftables' });
    expect(laptop.journal.entries).toEqual([{ kind: 'nftables', interface: 'tel0' }]);
  });

  it('takes the hook of another mode away once the new one is set', async () => {
    await setDnsHook(laptop, request, ['nftables']);
    commands.length = 0;
    await setDnsHook(laptop, request, ['resolved']);
    expect(commands.indexOf('resolvectl dns tel0 198.18.0.1')).toBeLessThan(
      commands.indexOf('nft delete table inet telepresence_tel0'),
    );
    expect(laptop.journal.entries).toEqual([{ kind: 'resolved', interface: 'tel0' }]);
  });

  it('leaves the laptop as it was, and says why, where no mode works', async () => {
    failing = (command) => command === 'nft -f -';
    await expect(setDnsHook(laptop, request, ['nftables'])).rejects.toMatchObject({
      code: 'dns.hook-failed',
      reason: 'nftables: nft: Failed',
    });
    expect(laptop.journal.entries).toEqual([]);
  });

  it('leaves alone a table that another instance has made since', async () => {
    await setDnsHook(laptop, request, ['nftables']);
    commands.length = 0;
    laptop = { ...laptop, commands: { run: () => Promise.reject(new CommandError('nft', false, 'No such file or directory')) } };
    await clearDnsHook(laptop, 'tel0');
    expect(laptop.journal.entries).toEqual([]);
  });

  it('repairs a resolv.conf whose writing was cut short', async () => {
    const original = readFileSync(laptop.files.resolvConf, 'utf8');
    for (const length of [0, 30]) {
      await setDnsHook(laptop, request, ['resolv-conf']);
      writeFileSync(laptop.files.resolvConf, readFileSync(laptop.files.resolvConf, 'utf8').slice(0, length));
      await undoLeftovers(laptop);
      expect(readFileSync(laptop.files.resolvConf, 'utf8')).toBe(original);
    }
  });

  it('removes a resolv.conf that was not there before', async () => {
    rmSync(laptop.files.resolvConf);
    await expect(setDnsHook(laptop, request, ['resolv-conf'])).resolves.toMatchObject({ formerServers: ['127.0.0.1'] });
    await clearDnsHook(laptop, 'tel0');
    expect(() => readFileSync(laptop.files.resolvConf)).toThrow('ENOENT');
  });

  it('redirects every IPv4 server and refuses the IPv6 ones', () => {
    const script = nftablesScript(instance, request, ['192.0.2.1', 'fe80::1%eth0', '192.0.2.2']);
    expect(script).toContain('ip daddr { 192.0.2.1, 192.0.2.2 } meta l4proto { tcp, udp } th dport 53 dnat ip to 198.18.0.1:53');
    expect(script).toContain('ip6 daddr { fe80::1 } udp dport 53 reject');
    expect(nftablesScript(instance, request, ['2001:db8::1'])).toBeUndefined();
  });
});
