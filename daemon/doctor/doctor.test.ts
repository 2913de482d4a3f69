import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { productVersion } from '#base/common/version.ts';
import { type DoctorCheckId, doctorCheckIds } from '#protocol/local-api/doctor-checks.ts';
import type { Connection, DoctorCheck } from '#protocol/local-api/model.ts';
import { type ApiAnswer, startApiStandIn, writeKubeconfig } from '../kube/testing/api-stand-in.ts';
import { DoctorCluster, type DoctorContext } from './doctor-context.ts';
import { chosenChecks, runChecks } from './run-checks.ts';

let directory = '';
const cleanups: (() => unknown)[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'doctor-'));
});
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  rmSync(directory, { recursive: true, force: true });
});

const readyPod = {
  metadata: { name: 'tm' },
  spec: { containers: [{ name: 'traffic-manager', image: `tel:${productVersion}` }] },
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
};

/** A cluster where all is well. */
function healthy(path: string): ApiAnswer {
  if (path === '/version') return [200, { gitVersion: 'v1.34.0' }];
  if (path === '/api/v1/nodes') return [200, { items: [{ spec: { podCIDRs: ['10.244.0.0/24'] } }] }];
  if (path.endsWith('/servicecidrs')) return [200, { items: [{ spec: { cidrs: ['10.96.0.0/16'] } }] }];
  if (path.endsWith('/services/traffic-manager')) return [200, { spec: { ports: [{ port: 8081 }] } }];
  if (path.endsWith('/pods')) return [200, { items: [readyPod] }];
  if (path.endsWith('/selfsubjectaccessreviews')) return [201, { status: { allowed: true } }];
  return [403, { message: 'no', reason: 'Forbidden' }];
}

async function apiServer(answer: (path: string, body: string) => ApiAnswer, date?: Date): Promise<string> {
  const { url, close } = await startApiStandIn(answer, date);
  cleanups.push(close);
  return url;
}

function context(server: string, change: Partial<DoctorContext> & { readonly user?: object } = {}): DoctorContext {
  const { user = { token: 't' }, ...rest } = change;
  const kubeconfig = join(directory, 'config');
  writeKubeconfig(kubeconfig, server, user);
  const cluster = new DoctorCluster({ kubeFlags: { kubeconfig } });
  cleanups.push(() => cluster.close());
  return {
    helperSocket: join(directory, 'helper.sock'),
    helperDirectory: directory,
    env: { PATH: process.env['PATH'] },
    callerEnv: {},
    connection: undefined,
    verifyDns: () => Promise.resolve({ ok: true }),
    cluster,
    managerNamespace: () => 'ambassador',
    ...rest,
  };
}

async function check(id: DoctorCheckId, of: DoctorContext): Promise<DoctorCheck> {
  const [found] = await runChecks([id], of, () => undefined, AbortSignal.timeout(20_000));
  if (found === undefined) throw new Error(`no ${id}`);
  return found;
}

const connection = (change: Partial<Connection> = {}): Connection => ({
  name: 'dev-shop',
  state: { kind: 'on', since: '' },
  mode: 'host',
  context: 'dev',
  server: '',
  namespace: 'shop',
  managerNamespace: 'ambassador',
  mappedNamespaces: [],
  stageTimesMs: {},
  ...change,
});

describe('the doctor', () => {
  it('tells of each check as it ends, and of all in their order, without a connection', async () => {
    const told: string[] = [];
    const of = context(await apiServer(healthy));
    const checks = await runChecks(chosenChecks([]), of, ({ id }) => told.push(id), AbortSignal.timeout(20_000));
    expect(checks.map(({ id }) => id)).toEqual(doctorCheckIds);
    expect([...told].sort()).toEqual([...doctorCheckIds].sort());
    const status = Object.fromEntries(checks.map((found) => [found.id, found.status]));
    expect(status).toMatchObject({
      'auth-plugin': 'not-applicable',
      clock: 'pass',
      api: 'pass',
      manager: 'pass',
      rbac: 'pass',
      webhook: 'not-applicable',
      proxy: 'pass',
    });
    for (const { reason } of checks) expect(reason).not.toBe('');
  });

  it('names what is unknown, and blames a dead API server once', async () => {
    expect(() => chosenChecks(['api', 'none'])).toThrow('There is no check "none"');
    const of = context('http://127.0.0.1:1');
    const checks = await runChecks(
      chosenChecks(['manager', 'api', 'clock', 'rbac']),
      of,
      () => undefined,
      AbortSignal.timeout(20_000),
    );
    expect(checks.map(({ id, status }) => [id, status])).toEqual([
      ['clock', 'not-applicable'],
      ['api', 'fail'],
      ['manager', 'not-applicable'],
      ['rbac', 'not-applicable'],
    ]);
    expect(checks[1]?.remedies).not.toEqual([]);
  });

  it('does not wait for what hangs', async () => {
    const server = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(server, 'listening');
    cleanups.push(
      () => server.closeAllConnections(),
      () => server.close(),
    );
    const of = context(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const [api] = await runChecks(['api'], of, () => undefined, AbortSignal.timeout(20_000), 200);
    expect(api).toMatchObject({ status: 'fail', reason: 'It took longer than 0.2 s' });
  });

  it.each([
    [400_000, 'fail'],
    [60_000, 'warn'],
    [-60_000, 'warn'],
    [0, 'pass'],
  ] as const)('finds the clock %i ms off: %s', async (offMs, status) => {
    const server = await apiServer(healthy, new Date(Date.now() - offMs));
    expect((await check('clock', context(server))).status).toBe(status);
  });

  it('finds the traffic-manager missing, not ready, hidden, or of another version', async () => {
    const managerWith = async (answer: (path: string) => ApiAnswer | undefined) =>
      await check('manager', context(await apiServer((path) => answer(path) ?? healthy(path))));
    const missing = await managerWith((path) => (path.includes('/services/') ? [404, { reason: 'NotFound' }] : undefined));
    expect(missing).toMatchObject({ status: 'fail', remedies: [{ command: 'telepresence helm install' }, {}] });
    expect((await managerWith((path) => (path.endsWith('/pods') ? [200, { items: [] }] : undefined))).reason).toContain(
      'It has no pods',
    );
    expect((await managerWith((path) => (path.includes('/services/') ? [403, {}] : undefined))).status).toBe('warn');
    const old = { ...readyPod, spec: { containers: [{ name: 'traffic-manager', image: 'tel:0.0.1' }] } };
    expect((await managerWith((path) => (path.endsWith('/pods') ? [200, { items: [old] }] : undefined))).status).toBe('warn');
  });

  it('names the rights that are missing', async () => {
    const server = await apiServer((path, body) =>
      path.endsWith('reviews') ? [201, { status: { allowed: !body.includes('portforward') } }] : healthy(path),
    );
    const found = await check('rbac', context(server));
    expect(found.status).toBe('fail');
    expect(found.reason).toContain('create pods/portforward in namespace ambassador');
  });

  it('finds a login program missing, failing, and on the path of the caller only', async () => {
    const exec = (command: string) => ({ user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command } } });
    const server = await apiServer(healthy);
    expect(await check('auth-plugin', context(server, exec('no-such-login')))).toMatchObject({
      status: 'fail',
      reason: expect.stringContaining('not on the PATH') as string,
    });
    expect((await check('auth-plugin', context(server, exec('false')))).status).toBe('fail');
    const bin = join(directory, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'my-login'), '#!/bin/sh\n');
    chmodSync(join(bin, 'my-login'), 0o755);
    const found = await check('auth-plugin', context(server, { ...exec('my-login'), callerEnv: { PATH: bin } }));
    expect(found).toMatchObject({ status: 'fail', remedies: [{ command: 'telepresence quit -s' }] });
  });

  it('warns of proxies that would get names of the cluster', async () => {
    const server = await apiServer(healthy);
    const warned = await check('proxy', context(server, { callerEnv: { https_proxy: 'http://p', NO_PROXY: 'localhost,.svc' } }));
    expect(warned).toMatchObject({
      status: 'warn',
      remedies: [{ command: expect.stringContaining('.cluster.local') as string }],
    });
    const fine = { HTTPS_PROXY: 'http://p', no_proxy: '.svc,*.cluster.local' };
    expect((await check('proxy', context(server, { callerEnv: fine }))).status).toBe('pass');
  });

  it('judges DNS by a real look-up, where there is a connection', async () => {
    const dns = {
      address: '198.18.0.1',
      mode: 'nftables',
      formerServers: [],
      clusterDomain: 'cluster.local.',
      includeSuffixes: [],
      excludeSuffixes: [],
      excludes: [],
      mappings: [],
      lookupTimeoutMs: 1,
    };
    const server = await apiServer(healthy);
    const lost = context(server, {
      connection: connection({ dns }),
      verifyDns: () => Promise.resolve({ ok: false, reason: 'lost' }),
    });
    expect(await check('dns', lost)).toMatchObject({ status: 'fail', reason: 'lost' });
    const paused = context(server, { connection: connection({ state: { kind: 'paused', since: '' } }) });
    expect((await check('dns', paused)).status).toBe('not-applicable');
  });

  it('says that the helper is missing while there is a connection, and what a dead one left', async () => {
    const server = await apiServer(healthy);
    expect((await check('helper', context(server, { connection: connection() }))).status).toBe('fail');
    expect((await check('helper', context(server, { connection: connection({ mode: 'rootless' }) }))).status).toBe(
      'not-applicable',
    );
    writeFileSync(join(directory, 'journal.json'), '{}');
    expect((await check('helper', context(server))).status).toBe('warn');
  });

  it.runIf(process.platform === 'linux')('finds routes that overlap, unless virtual addresses stand for them', async () => {
    const server = await apiServer(healthy);
    const { readHostRoutes } = await import('../routing/host-routes.ts');
    const { formatCidr } = await import('#base/common/cidr.ts');
    const own = (await readHostRoutes()).find(
      ({ cidr, interfaceName }) => cidr.family === 4 && cidr.prefix > 1 && interfaceName !== 'lo',
    );
    if (own === undefined) return;
    const subnet = formatCidr(own.cidr);
    const routing = {
      interface: 'tel0',
      addresses: [],
      subnets: [],
      podSubnets: [subnet],
      alsoProxy: [],
      neverProxy: [],
      allowConflicting: [],
      virtual: [],
    };
    expect((await check('routes', context(server, { connection: connection({ routing }) }))).status).toBe('warn');
    const virtual = [{ subnet, virtual: '246.246.0.0/16' }];
    expect(
      (await check('routes', context(server, { connection: connection({ routing: { ...routing, virtual } }) }))).status,
    ).toBe('pass');
  });
});
