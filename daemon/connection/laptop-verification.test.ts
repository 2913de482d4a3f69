import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { HealthCondition } from '#protocol/local-api/model.ts';
import { firewallCondition } from './firewall-condition.ts';
import { HealthConditions } from './health-conditions.ts';
import type { ProbeResult } from './interface-probe.ts';
import { LaptopVerification } from './laptop-verification.ts';

describe('the verification of a connection', () => {
  let conditions: readonly HealthCondition[];
  let tcp: ProbeResult;
  let dns: ProbeResult;
  let stop: AbortController;
  let verification: LaptopVerification;

  beforeEach(() => {
    conditions = [];
    tcp = { ok: true };
    dns = { ok: true };
    stop = new AbortController();
    verification = new LaptopVerification({
      laptop: {
        verify: async () => dns,
        verifyTcp: async () => tcp,
        status: () => ({
          interfaceName: 'tel0',
          addresses: [],
          dnsAddress: '',
          hook: undefined,
          helperPid: 1,
        }),
      },
      health: new HealthConditions('default', (changed) => {
        conditions = changed;
      }),
      signal: stop.signal,
      lookAgainMs: 1,
    });
  });

  afterEach(() => stop.abort());

  it('has nothing to say where programs get through', async () => {
    await verification.verify();
    expect(conditions).toEqual([]);
  });

  it('tells of a firewall until connections arrive', async () => {
    tcp = { ok: false, reason: 'a test connection got no answer' };
    await verification.verify();
    expect(conditions).toMatchObject([{ code: 'interface.blocked', severity: 'error' }]);
    tcp = { ok: true };
    await vi.waitFor(() => expect(conditions).toEqual([]));
  });

  it('tells of names that do not resolve, and forgets what was wrong with an interface that goes', async () => {
    dns = { ok: false, reason: 'another DNS server answered' };
    tcp = { ok: false, reason: 'a test connection got no answer' };
    await verification.verify();
    expect(conditions.map(({ code }) => code).toSorted()).toEqual(['dns.verify-failed', 'interface.blocked']);
    verification.forget();
    expect(conditions).toEqual([]);
  });
});

describe('what to do about a firewall', () => {
  let directory: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'firewall-'));
  });

  afterEach(() => rmSync(directory, { recursive: true }));

  const commands = () => {
    const files = { ufwConfiguration: join(directory, 'ufw.conf'), firewalldPid: join(directory, 'firewalld.pid') };
    return firewallCondition('tel3', 'it failed', files).remedies.map(({ command }) => command);
  };

  it('is the command of the firewall that is in use', () => {
    writeFileSync(join(directory, 'ufw.conf'), '# on boot\nENABLED=yes\nLOGLEVEL=low\n');
    expect(commands()).toEqual(['sudo ufw allow in on tel3']);
    writeFileSync(join(directory, 'ufw.conf'), 'ENABLED=no\n');
    writeFileSync(join(directory, 'firewalld.pid'), '1\n');
    expect(commands()).toEqual([expect.stringContaining('--zone=trusted --add-interface=tel3')]);
  });

  it('names every way where none is known to be in use', () => {
    expect(commands()).toHaveLength(3);
  });
});
