import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { waitForHelper } from '#base/node/helper-launch.ts';
import { helperRuntimeDirectory } from '#base/node/paths.ts';
import { type LineProcess, makeNetworkNamespace, type NetworkNamespace } from '../helper-client/testing/network-namespace.ts';
import { scenarioObstacle } from '../nat/testing/run-scenario.ts';

const obstacle = scenarioObstacle();
const title = (text: string) => (obstacle === undefined ? text : `${text} (skipped: ${obstacle})`);

const root = fileURLToPath(new URL('../../', import.meta.url));
const helperScript = join(root, 'helper/main.ts');
const standIn = join(root, 'daemon/connection/testing/network-stand-in.ts');
const node = process.execPath;

describe.skipIf(obstacle !== undefined)(title('a connection through the interface'), { timeout: 60_000 }, () => {
  let namespace: NetworkNamespace;
  let instance: string;
  let started: LineProcess[];
  let daemon: LineProcess;

  beforeEach(async () => {
    instance = randomBytes(6).toString('hex');
    started = [];
    namespace = makeNetworkNamespace('nameserver 192.0.2.53\n');
    namespace.run('ip', 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'router');
    namespace.run('ip', 'link', 'set', 'router', 'up');
    namespace.run('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'uplink');
    namespace.run('ip', 'address', 'add', '2001:db8::2/64', 'dev', 'uplink', 'nodad');
    namespace.run('ip', 'link', 'set', 'uplink', 'up');
    started.push(namespace.start([node, helperScript, '--instance', instance, '--uid', '0']));
    daemon = namespace.start([node, standIn]);
    started.push(daemon);
    const socket = join(helperRuntimeDirectory, instance, 'helper.sock');
    await waitForHelper(socket, 10_000);
    await expect(daemon.ask('open', socket)).resolves.toBe('tel0');
  });

  afterEach(async () => {
    for (const { process } of started) process.kill('SIGKILL');
    await Promise.all(started.map(({ exited }) => exited));
    namespace.run(node, helperScript, '--restore', '--instance', instance);
    namespace.remove();
  });

  const firewall = (rule: string) => {
    namespace.run('nft', 'add', 'table', 'inet', 'fw');
    namespace.run('nft', 'add', 'chain', 'inet', 'fw', 'input', '{ type filter hook input priority 0; policy accept; }');
    namespace.run('nft', 'add', 'rule', 'inet', 'fw', 'input', ...rule.split(' '));
  };

  it('arrives where nothing is in its way', async () => {
    await expect(daemon.ask('verify-tcp')).resolves.toEqual({ ok: true });
  });

  it('is the last thing that is heard of an interface which is given back in order', async () => {
    await daemon.ask('verify-tcp');
    await expect(daemon.ask('close')).resolves.toEqual([]);
  });

  it('is missed where a firewall drops what comes in, and arrives again once the rule is gone', async () => {
    firewall('iifname tel0 ct state new drop');
    await expect(daemon.ask('verify-tcp')).resolves.toMatchObject({
      ok: false,
      reason: expect.stringContaining('no answer') as string,
    });
    namespace.run('nft', 'delete', 'table', 'inet', 'fw');
    await expect(daemon.ask('verify-tcp')).resolves.toEqual({ ok: true });
  });

  it('is missed where a firewall rejects what comes in', async () => {
    firewall('iifname tel0 meta l4proto tcp reject with tcp reset');
    await expect(daemon.ask('verify-tcp')).resolves.toMatchObject({ ok: false });
  });

  it('is missed where only IPv6 is stopped', async () => {
    firewall('iifname tel0 meta nfproto ipv6 drop');
    await expect(daemon.ask('verify-tcp')).resolves.toMatchObject({
      ok: false,
      reason: expect.stringContaining('IPv6') as string,
    });
  });
});
