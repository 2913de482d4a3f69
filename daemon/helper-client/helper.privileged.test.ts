import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { waitForHelper } from '#base/node/helper-launch.ts';
import { helperRuntimeDirectory } from '#base/node/paths.ts';
import { helperProtocolVersion } from '#protocol/helper/helper-api.ts';
import { scenarioObstacle } from '../nat/testing/run-scenario.ts';
import { describeNamespace, type LineProcess, makeNetworkNamespace, type NetworkNamespace } from './testing/network-namespace.ts';

const obstacle = scenarioObstacle();
const title = (text: string) => (obstacle === undefined ? text : `${text} (skipped: ${obstacle})`);

const root = fileURLToPath(new URL('../../', import.meta.url));
const helperScript = join(root, 'helper/main.ts');
const support = (file: string) => join(root, 'daemon/helper-client/testing', file);
const node = process.execPath;

const laptopUser = 12_345;
const formerServer = '192.0.2.53';
const formerAnswer = '203.0.113.1';
const clusterAnswer = '10.96.0.77';
const vif = { mtu: 65_535, ipv4: '198.18.0.1/30', ipv6: 'fd00:198:18::1/126' };
const exemptPorts = { first: 40_000, last: 40_015 };
/** Restoration after the end of a process. */
const within = { timeout: 2_000, interval: 50 };

describe.skipIf(obstacle !== undefined)(title('privileged helper'), { timeout: 60_000 }, () => {
  let namespace: NetworkNamespace;
  let instance: string;
  let socketPath: string;
  let started: LineProcess[];
  let before: string;

  beforeEach(async () => {
    instance = randomBytes(6).toString('hex');
    socketPath = join(helperRuntimeDirectory, instance, 'helper.sock');
    started = [];
    namespace = makeNetworkNamespace(`# laptop\nnameserver ${formerServer}\nsearch home.example\noptions ndots:1\n`);
    namespace.run('ip', 'link', 'add', 'uplink', 'type', 'veth', 'peer', 'name', 'router');
    namespace.run('ip', 'link', 'set', 'router', 'addrgenmode', 'none', 'up');
    namespace.run('ip', 'address', 'add', `${formerServer}/24`, 'dev', 'uplink');
    namespace.run('ip', 'address', 'add', '2001:db8::53/64', 'dev', 'uplink', 'nodad');
    namespace.run('ip', 'link', 'set', 'uplink', 'addrgenmode', 'none');
    namespace.run('ip', 'link', 'set', 'uplink', 'up');
    namespace.run('ip', 'route', 'add', 'default', 'via', '192.0.2.1');
    // The kernel adds its own routes when both ends of the link have come up.
    await vi.waitFor(() => {
      const routes = namespace.run('ip', '-6', 'route', 'show', 'table', 'all');
      for (const route of ['local 2001:db8::53 dev uplink', 'ff00::/8 dev uplink', 'ff00::/8 dev router'])
        expect(routes).toContain(route);
    }, within);
    before = describeNamespace(namespace);
  });

  afterEach(async () => {
    for (const { process } of started) process.kill('SIGKILL');
    await Promise.all(started.map(({ exited }) => exited));
    namespace.run(node, helperScript, '--restore', '--instance', instance);
    namespace.remove();
  });

  const start = (...command: string[]) => {
    const process = namespace.start(command);
    started.push(process);
    return process;
  };

  const startHelper = async (uid = laptopUser, ...more: string[]) => {
    const helper = start(node, helperScript, '--instance', instance, '--uid', String(uid), ...more);
    await Promise.race([
      waitForHelper(socketPath, 10_000),
      helper.exited.then((code) => {
        throw new Error(`Helper ended (${code}): ${helper.stderr()}`);
      }),
    ]);
    return helper;
  };

  const startUser = (uid = laptopUser) =>
    start('setpriv', `--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', node, support('daemon-stand-in.ts'));

  const connect = async () => {
    const daemon = startUser();
    await daemon.ask('connect', socketPath);
    return daemon;
  };

  const createInterface = async (daemon: LineProcess) => {
    const created = (await daemon.ask('call', 'createInterface', vif)) as { name: string; index: number; claim: string };
    await daemon.ask('claim', created.claim);
    return created;
  };

  const hookDns = (daemon: LineProcess, ...modes: string[]) =>
    daemon.ask('call', 'setDns', { interface: 'tel0', domains: [], exemptPorts, modes });

  const query = (protocol: string, server: string, sourcePort = 0) =>
    namespace.run(node, support('dns-query.ts'), protocol, server, String(sourcePort));

  const startFormerResolver = async (address: string) => {
    const resolver = start(node, support('former-resolver.ts'), address, formerAnswer);
    await vi.waitFor(() => expect(query('udp', address, 40_001)).toBe(formerAnswer), { timeout: 10_000 });
    return resolver;
  };

  const setUp = async () => {
    const helper = await startHelper();
    const daemon = await connect();
    await createInterface(daemon);
    await daemon.ask('call', 'setRoutes', { interface: 'tel0', routes: ['10.96.0.0/16'], reserved: [] });
    return { helper, daemon };
  };

  const expectRestored = async () => {
    await vi.waitFor(() => expect(describeNamespace(namespace)).toBe(before), within);
  };

  it('gives an ordinary user a working device and the DNS sockets', async () => {
    const { daemon } = await setUp();
    expect(namespace.run('ip', 'address', 'show', 'tel0')).toMatch(/mtu 65535.*qlen 5000/s);
    expect(namespace.run('ip', 'address', 'show', 'tel0')).toContain('inet6 fd00:198:18::1/126');
    const packet = daemon.ask('read-packet');
    expect(query('udp', '10.96.3.4')).toBe('timeout');
    await expect(packet).resolves.toBe('10.96.3.4');
    await daemon.ask('answer-dns', clusterAnswer);
    expect(query('udp', '198.18.0.1')).toBe(clusterAnswer);
    expect(query('tcp', '198.18.0.1')).toBe(clusterAnswer);
  });

  it('hands a claim over only once', async () => {
    await startHelper();
    const daemon = await connect();
    const { claim } = await createInterface(daemon);
    await expect(daemon.ask('claim', claim)).rejects.toThrow('no such claim');
  });

  it('makes the routes be exactly the given ones', async () => {
    const { daemon } = await setUp();
    const routes = ['10.244.0.0/16', '10.96.0.10', 'fd00:10:96::/112'];
    await expect(daemon.ask('call', 'setRoutes', { interface: 'tel0', routes, reserved: ['203.0.113.9'] })).resolves.toEqual({
      added: ['10.244.0.0/16', '10.96.0.10/32', 'fd00:10:96::/112'],
      removed: ['10.96.0.0/16'],
    });
    expect(namespace.run('ip', 'route', 'get', '10.244.1.1')).toContain('dev tel0');
    expect(namespace.run('ip', 'route', 'get', '10.96.0.11')).toContain('dev uplink');
    expect(namespace.run('ip', '-6', 'route', 'get', 'fd00:10:96::5')).toContain('dev tel0');
    await expect(daemon.ask('call', 'setRoutes', { interface: 'tel0', routes, reserved: [] })).resolves.toEqual({
      added: [],
      removed: [],
    });
  });

  it('never takes the route of another interface, and keeps the routes as they were when it fails', async () => {
    const { daemon } = await setUp();
    namespace.run('ip', 'route', 'add', '10.50.0.0/16', 'dev', 'uplink');
    const routes = ['10.49.0.0/16', '10.50.0.0/16', '10.51.0.0/16'];
    const attempt = daemon.ask('call', 'setRoutes', { interface: 'tel0', routes, reserved: [] });
    await expect(attempt).rejects.toMatchObject({ data: { code: 'route.overlap', context: { route: '10.50.0.0/16' } } });
    expect(namespace.run('ip', 'route', 'show', 'dev', 'tel0', 'proto', 'boot').trim()).toBe('10.96.0.0/16 scope link');
    expect(namespace.run('ip', 'route', 'get', '10.50.0.1')).toContain('dev uplink');
  });

  it('redirects look-ups for the former name server, leaving the exempt ports alone', async () => {
    const { daemon } = await setUp();
    await startFormerResolver(formerServer);
    await daemon.ask('answer-dns', clusterAnswer);
    await expect(hookDns(daemon, 'resolved', 'nftables')).resolves.toEqual({
      mode: 'nftables',
      formerServers: [formerServer],
      search: ['home.example'],
    });
    expect(query('udp', formerServer)).toBe(clusterAnswer);
    expect(query('tcp', formerServer)).toBe(clusterAnswer);
    expect(query('udp', formerServer, 40_007)).toBe(formerAnswer);
    expect(namespace.run('getent', 'ahostsv4', 'web.example')).toContain(clusterAnswer);
    await daemon.ask('call', 'clearDns', { interface: 'tel0' });
    expect(query('udp', formerServer)).toBe(formerAnswer);
  });

  it.each(['127.0.0.53', '127.0.0.1'])('redirects look-ups for a resolver on %s', async (server) => {
    namespace.setResolvConf(`nameserver ${server}\n`);
    const { daemon } = await setUp();
    await startFormerResolver(server);
    await daemon.ask('answer-dns', clusterAnswer);
    await expect(hookDns(daemon, 'nftables')).resolves.toMatchObject({ mode: 'nftables', formerServers: [server] });
    expect(query('udp', server)).toBe(clusterAnswer);
    expect(query('tcp', server)).toBe(clusterAnswer);
    expect(query('udp', server, 40_003)).toBe(formerAnswer);
    expect(namespace.run('getent', 'ahostsv4', 'web.example')).toContain(clusterAnswer);
  });

  it('makes the resolver library pass over an IPv6 name server at once', async () => {
    namespace.setResolvConf(`nameserver 2001:db8::53\nnameserver ${formerServer}\n`);
    const { daemon } = await setUp();
    await daemon.ask('answer-dns', clusterAnswer);
    await expect(hookDns(daemon, 'nftables')).resolves.toMatchObject({ formerServers: ['2001:db8::53', formerServer] });
    expect(query('udp', '2001:db8::53')).toBe('ECONNREFUSED');
    expect(query('tcp', '2001:db8::53')).toBe('ECONNREFUSED');
    const startedAt = performance.now();
    expect(namespace.run('getent', 'ahostsv4', 'web.example')).toContain(clusterAnswer);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('falls through to resolv.conf where all name servers are IPv6, and puts it back', async () => {
    const original = 'search home.example\nnameserver 2001:db8::53';
    namespace.setResolvConf(original);
    const { daemon } = await setUp();
    await daemon.ask('answer-dns', clusterAnswer);
    await expect(hookDns(daemon, 'nftables', 'resolv-conf')).resolves.toEqual({
      mode: 'resolv-conf',
      formerServers: ['2001:db8::53'],
      search: ['home.example'],
    });
    expect(namespace.run('getent', 'ahostsv4', 'web.example')).toContain(clusterAnswer);
    await expect(hookDns(daemon, 'resolv-conf')).resolves.toMatchObject({ formerServers: ['2001:db8::53'] });
    await daemon.ask('close');
    await vi.waitFor(() => expect(readFileSync(namespace.resolvConf, 'utf8')).toBe(original), within);
  });

  it('says what is missing where there is no TUN device', async () => {
    start('sh', '-c', `mount -t tmpfs none /dev/net && exec ${node} ${helperScript} --instance ${instance} --uid ${laptopUser}`);
    await waitForHelper(socketPath, 10_000);
    const daemon = await connect();
    await expect(createInterface(daemon)).rejects.toMatchObject({
      data: { code: 'interface.no-tun', remedies: [{ command: 'sudo modprobe tun' }, {}] },
    });
    expect(describeNamespace(namespace)).toBe(before);
  });

  it('says that the TUN device may not be opened where it is there', async () => {
    const devices = 'mount -t tmpfs -o nodev none /dev/net && mknod /dev/net/tun c 10 200';
    start('sh', '-c', `${devices} && exec ${node} ${helperScript} --instance ${instance} --uid ${laptopUser}`);
    await waitForHelper(socketPath, 10_000);
    const daemon = await connect();
    await expect(createInterface(daemon)).rejects.toMatchObject({
      data: {
        code: 'interface.no-tun',
        remedies: [{ command: 'sudo chmod 0666 /dev/net/tun' }, { command: 'telepresence connect' }],
      },
    });
  });

  it('does without IPv6 where the laptop has it switched off', async () => {
    namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    await startHelper();
    const daemon = await connect();
    await expect(createInterface(daemon)).resolves.toMatchObject({ withoutIpv6: true });
    const routes = { interface: 'tel0', routes: ['fd00:10::/64'], reserved: [] };
    await expect(daemon.ask('call', 'setRoutes', routes)).rejects.toThrow('no IPv6 address');
  });

  it('takes the interface back when nobody claims it', async () => {
    await startHelper();
    const daemon = await connect();
    await daemon.ask('call', 'createInterface', vif);
    await vi.waitFor(() => expect(describeNamespace(namespace)).toBe(before), { timeout: 8_000, interval: 200 });
  });

  it('says why no mode works', async () => {
    const { daemon } = await setUp();
    await expect(hookDns(daemon, 'resolved')).rejects.toMatchObject({
      data: { code: 'dns.hook-failed', reason: 'resolved: resolv.conf does not lead to systemd-resolved' },
    });
  });

  it.each(['nftables', 'resolv-conf'])('undoes everything when the daemon is killed (%s)', async (mode) => {
    const { daemon } = await setUp();
    await hookDns(daemon, mode);
    expect(describeNamespace(namespace)).not.toBe(before);
    daemon.process.kill('SIGKILL');
    await expectRestored();
  });

  it('undoes everything when the daemon closes the connection and keeps the descriptors', async () => {
    const { daemon } = await setUp();
    await hookDns(daemon, 'nftables');
    await daemon.ask('close');
    await expectRestored();
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('undoes everything and leaves no file on %s', async (signal) => {
    const { helper, daemon } = await setUp();
    await hookDns(daemon, 'nftables');
    helper.process.kill(signal);
    await expect(helper.exited).resolves.toBe(0);
    await expectRestored();
    expect(existsSync(dirname(socketPath))).toBe(false);
  });

  it('leaves the data path alone when it is killed; its successor undoes everything', async () => {
    const { helper, daemon } = await setUp();
    await daemon.ask('answer-dns', clusterAnswer);
    await hookDns(daemon, 'nftables');
    helper.process.kill('SIGKILL');
    await helper.exited;
    expect(query('udp', formerServer)).toBe(clusterAnswer);
    expect(namespace.run('ip', 'route', 'get', '10.96.1.1')).toContain('dev tel0');
    await startHelper();
    await expectRestored();
    await daemon.ask('close-descriptors');
    const next = await connect();
    await expect(createInterface(next)).resolves.toMatchObject({ name: 'tel0' });
  });

  it.each(['nftables', 'resolv-conf'])('restores on demand after helper and daemon were killed (%s)', async (mode) => {
    const { helper, daemon } = await setUp();
    await hookDns(daemon, mode);
    helper.process.kill('SIGKILL');
    daemon.process.kill('SIGKILL');
    await Promise.all([helper.exited, daemon.exited]);
    namespace.run(node, helperScript, '--restore', '--instance', instance);
    await expectRestored();
    expect(existsSync(dirname(socketPath))).toBe(false);
  });

  it('makes a living helper undo everything on restore', async () => {
    const { helper, daemon } = await setUp();
    await hookDns(daemon, 'nftables');
    namespace.run(node, helperScript, '--restore', '--instance', instance);
    await expect(helper.exited).resolves.toBe(0);
    await expectRestored();
  });

  it('refuses invalid requests with a reason and goes on serving', async () => {
    const { daemon } = await setUp();
    const route = (routes: string[], reserved: string[] = [], name = 'tel0') =>
      daemon.ask('call', 'setRoutes', { interface: name, routes, reserved });
    await expect(route(['0.0.0.0/0'])).rejects.toThrow('default route');
    await expect(route(['8.0.0.0/3'])).rejects.toThrow('wider than /4');
    await expect(route(['10.0.0.0/8'], ['10.1.2.3'])).rejects.toThrow('must stay reachable');
    await expect(route(['10.0.0.0/8'], [], 'uplink')).rejects.toThrow('interface: ');
    await expect(route(['10.0.0.0/8'], [], 'tel7')).rejects.toThrow('did not create');
    await expect(route(['10.0.0.0/8; reboot'])).rejects.toThrow('routes.0: ');
    await expect(daemon.ask('call', 'runCommand', {})).rejects.toThrow('unknown call');
    await expect(daemon.ask('call', 'hello', { version: 99 })).rejects.toThrow('version-mismatch');
    await expect(daemon.ask('call', 'createInterface', { ...vif, ipv4: '0.0.0.1/1' })).rejects.toThrow('wider than /16');
    await expect(route(['10.1.0.0/16'])).resolves.toMatchObject({ added: ['10.1.0.0/16'] });
  });

  it('refuses every user but its own and root', async () => {
    await startHelper();
    const stranger = startUser(laptopUser + 1);
    await expect(stranger.ask('connect', socketPath)).rejects.toMatchObject({ data: { code: 'helper.refused' } });
    // The same where the permissions of the socket let the stranger in.
    chmodSync(socketPath, 0o666);
    await expect(stranger.ask('connect', socketPath)).rejects.toThrow(`belongs to user ${laptopUser + 1}`);
    const superuser = start(node, support('daemon-stand-in.ts'));
    await expect(superuser.ask('connect', socketPath)).resolves.toBe(null);
  });

  it('steps back where a helper of the instance lives, and takes over from one that died', async () => {
    const first = await startHelper();
    const second = start(node, helperScript, '--instance', instance, '--uid', String(laptopUser));
    await expect(second.exited).resolves.toBe(0);
    first.process.kill('SIGKILL');
    await first.exited;
    expect(existsSync(socketPath)).toBe(true);
    await startHelper();
    await connect();
  });

  it('ends when it is told to quit', async () => {
    const { helper, daemon } = await setUp();
    await daemon.ask('call', 'deleteInterface', { interface: 'tel0' });
    await daemon.ask('call', 'quit', {});
    await expect(helper.exited).resolves.toBe(0);
    expect(existsSync(dirname(socketPath))).toBe(false);
  });

  it('ends by itself when nobody connects for ten seconds', async () => {
    const helper = await startHelper();
    await expect(helper.exited).resolves.toBe(0);
    expect(existsSync(dirname(socketPath))).toBe(false);
  });

  it('stays as a service when nobody connects, and undoes what each daemon leaves', async () => {
    const service = await startHelper(laptopUser, '--service');
    const daemon = await connect();
    await createInterface(daemon);
    await daemon.ask('call', 'quit', {});
    await expectRestored();
    await daemon.ask('close-descriptors');
    const stranger = start(node, helperScript, '--instance', randomBytes(6).toString('hex'), '--uid', String(laptopUser));
    // Its lease is over, and so would be the service's.
    await stranger.exited;
    const next = await connect();
    await expect(createInterface(next)).resolves.toMatchObject({ name: 'tel0' });
    await expect(next.ask('call', 'hello', { version: helperProtocolVersion })).resolves.toMatchObject({ isService: true });
    service.process.kill('SIGTERM');
    await expect(service.exited).resolves.toBe(0);
    await expectRestored();
  });

  it('logs as much as it is told', async () => {
    const { helper, daemon } = await setUp();
    const infos = () =>
      helper
        .stderr()
        .split('\n')
        .filter((line) => line.includes('"level":"info"')).length;
    expect(infos()).toBeGreaterThan(0);
    await daemon.ask('call', 'setLogLevel', { level: 'error' });
    const entries = infos();
    await hookDns(daemon, 'nftables');
    expect(infos()).toBe(entries);
  });

  it('detaches from whoever starts it', async () => {
    const launcher = start(node, helperScript, '--instance', instance, '--uid', String(laptopUser), '--detach');
    await expect(launcher.exited).resolves.toBe(0);
    const daemon = await connect();
    await createInterface(daemon);
    await daemon.ask('close');
    await expectRestored();
  });

  it('leaves nothing behind after ten interfaces', async () => {
    const { helper, daemon } = await setUp();
    for (let cycle = 0; cycle < 10; cycle += 1) {
      if (cycle > 0) await createInterface(daemon);
      await daemon.ask('call', 'setRoutes', { interface: 'tel0', routes: ['10.96.0.0/16', 'fd00:10::/64'], reserved: [] });
      await hookDns(daemon, cycle % 2 === 0 ? 'nftables' : 'resolv-conf');
      await daemon.ask('call', 'deleteInterface', { interface: 'tel0' });
      expect(describeNamespace(namespace)).toBe(before);
      await daemon.ask('close-descriptors');
    }
    expect(JSON.parse(readFileSync(join(dirname(socketPath), 'journal.json'), 'utf8'))).toEqual({ version: 1, entries: [] });
    expect(openDevices(helper.process.pid)).toBe(0);
    helper.process.kill('SIGTERM');
    await helper.exited;
    expect(existsSync(dirname(socketPath))).toBe(false);
  });

  it('restores a resolv.conf that outlived its journal', async () => {
    const original = readFileSync(namespace.resolvConf, 'utf8');
    const { helper, daemon } = await setUp();
    await hookDns(daemon, 'resolv-conf');
    const hooked = readFileSync(namespace.resolvConf, 'utf8');
    helper.process.kill('SIGTERM');
    await helper.exited;
    writeFileSync(namespace.resolvConf, hooked);
    await startHelper();
    expect(readFileSync(namespace.resolvConf, 'utf8')).toBe(original);
  });

  it('does not touch a resolv.conf that another program has written since', async () => {
    const { daemon } = await setUp();
    await hookDns(daemon, 'resolv-conf');
    namespace.setResolvConf('nameserver 203.0.113.53\n');
    await daemon.ask('close');
    await vi.waitFor(() => expect(namespace.run('ip', '-brief', 'link')).not.toContain('tel0'), within);
    expect(readFileSync(namespace.resolvConf, 'utf8')).toBe('nameserver 203.0.113.53\n');
  });

  it('refuses to work in a directory that is not root’s', async () => {
    mkdirSync(dirname(socketPath), { recursive: true });
    namespace.run('chown', String(laptopUser), dirname(socketPath));
    const helper = start(node, helperScript, '--instance', instance, '--uid', String(laptopUser));
    await expect(helper.exited).resolves.not.toBe(0);
    namespace.run('chown', '0', dirname(socketPath));
  });
});

function openDevices(pid: number | undefined): number {
  const links = readFileSync(`/proc/${pid}/net/dev`, 'utf8');
  return links.split('\n').filter((line) => line.trim().startsWith('tel')).length;
}
