import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { RequestOptions } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KubeClient } from '#net/kube/kube-client.ts';
import type { KubeFlags } from '#protocol/local-api/model.ts';
import { listContexts, loadKubeconfig } from './kubeconfig.ts';

describe('kubeconfig', () => {
  let directory: string;
  const file = (name: string) => join(directory, name);
  const write = (name: string, text: string) => {
    writeFileSync(file(name), text);
    return file(name);
  };
  const script = (name: string, body: string) => {
    const path = write(name, `#!/bin/sh\n${body}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  const load = (kubeFlags: KubeFlags = {}) => loadKubeconfig({ kubeFlags: { kubeconfig: file('config'), ...kubeFlags } });
  const options = async (kubeFlags: KubeFlags = {}): Promise<RequestOptions> =>
    await load(kubeFlags).credentials.requestOptions();
  const headers = async (kubeFlags: KubeFlags = {}) => (await options(kubeFlags)).headers as Record<string, unknown>;
  const failureOf = (run: () => unknown): unknown => {
    try {
      return run();
    } catch (error) {
      return error;
    }
  };

  const config = (user: string, cluster = '', context = '') => `
apiVersion: v1
kind: Config
current-context: dev
clusters:
- name: one
  cluster: {server: "https://one.test:6443"${cluster}}
- name: two
  cluster: {server: "https://two.test:6443"}
users:
- name: alice
  user: ${user}
- name: bob
  user: {token: bobs}
contexts:
- name: dev
  context: {cluster: one, user: alice${context}}
- name: prod
  context: {cluster: two, user: bob, namespace: shop}
`;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'kubeconfig-'));
    write('config', config('{token: alices}'));
  });

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('gives the current context', async () => {
    const target = load();
    expect(target).toMatchObject({ context: 'dev', cluster: 'one', namespace: 'default', extension: undefined });
    expect(target.server.href).toBe('https://one.test:6443/');
    expect(await headers()).toMatchObject({ Authorization: 'Bearer alices' });
  });

  it('lists contexts', () => {
    expect(listContexts({ kubeFlags: { kubeconfig: file('config') } })).toEqual([
      { name: 'dev', cluster: 'one', user: 'alice', namespace: 'default', server: 'https://one.test:6443', current: true },
      { name: 'prod', cluster: 'two', user: 'bob', namespace: 'shop', server: 'https://two.test:6443', current: false },
    ]);
  });

  describe('flags', () => {
    it('choose context, cluster and user', async () => {
      expect(load({ context: 'prod' })).toMatchObject({ context: 'prod', cluster: 'two', namespace: 'shop' });
      expect(load({ cluster: 'two' })).toMatchObject({ context: 'dev', cluster: 'two', namespace: 'default' });
      expect(await headers({ user: 'bob' })).toMatchObject({ Authorization: 'Bearer bobs' });
    });

    it('set server, token, certificates and names', async () => {
      const [ca, cert, key] = [write('ca', 'CA'), write('cert', 'CERT'), write('key', 'KEY')];
      expect(load({ server: 'https://other.test' }).server.href).toBe('https://other.test/');
      expect(await headers({ token: 'flag' })).toMatchObject({ Authorization: 'Bearer flag' });
      const set = await options({
        certificateAuthority: ca,
        clientCertificate: cert,
        clientKey: key,
        tlsServerName: 'kubernetes',
        insecureSkipTlsVerify: true,
      });
      expect(set).toMatchObject({ servername: 'kubernetes', rejectUnauthorized: false });
      expect([set.ca, set.cert, set.key].map(String)).toEqual(['CA', 'CERT', 'KEY']);
    });

    it('impersonate', async () => {
      expect(
        await headers({ as: 'carol', asGroup: ['x', 'y'], asUid: '7', asUserExtra: ['Team/a=1', 'team/a=2=3'] }),
      ).toMatchObject({
        'Impersonate-User': 'carol',
        'Impersonate-Group': ['x', 'y'],
        'Impersonate-Uid': '7',
        'Impersonate-Extra-team%2Fa': ['1', '2=3'],
      });
    });

    it('go through a proxy', async () => {
      const { agent } = await options({ proxyUrl: 'http://proxy.test:3128' });
      expect(agent).toMatchObject({ proxy: new URL('http://proxy.test:3128') });
      expect(failureOf(() => load({ proxyUrl: 'ftp://proxy.test' }))).toMatchObject({ code: 'usage' });
    });

    it('name a server without any context', () => {
      write('config', 'apiVersion: v1\nkind: Config\n');
      expect(load({ server: 'https://bare.test', token: 't' }).server.href).toBe('https://bare.test/');
    });

    it.each<[string, KubeFlags, object]>([
      ['a context', { context: 'none' }, { code: 'kubeconfig.no-context', reason: 'It has dev, prod' }],
      ['a cluster', { cluster: 'none' }, { code: 'kubeconfig.invalid' }],
      ['a user', { user: 'none' }, { code: 'kubeconfig.invalid' }],
      ['a server', { server: 'no url' }, { code: 'kubeconfig.invalid' }],
    ])('that name %s which is none fail', (_what, flags, failure) => {
      expect(failureOf(() => load(flags))).toMatchObject(failure);
    });

    it("read the cluster's settings for this product", () => {
      write('config', config('{token: t}', ', extensions: [{name: telepresence.io, extension: {manager: {namespace: tm}}}]'));
      expect(load().extension).toEqual({ manager: { namespace: 'tm' } });
      expect(load({ cluster: 'two' }).extension).toBeUndefined();
      expect(load({ context: 'prod', cluster: 'one' }).extension).toEqual({ manager: { namespace: 'tm' } });
    });
  });

  describe('files', () => {
    const second = `
current-context: other
clusters: [{name: one, cluster: {server: "https://wrong.test"}}, {name: three, cluster: {server: "https://three.test"}}]
users: [{name: alice, user: {token: wrong}}, {name: dora, user: {token: doras}}]
contexts: [{name: other, context: {cluster: three, user: dora}}, {name: mixed, context: {cluster: one, user: dora}}]
`;
    const loadAll = (paths: readonly string[], kubeFlags: KubeFlags = {}) =>
      loadKubeconfig({ kubeFlags, kubeconfigEnv: paths.join(delimiter) });

    it('are merged as kubectl does: the first that names a thing wins', async () => {
      const paths = [file('config'), write('second', second)];
      expect(loadAll(paths)).toMatchObject({ context: 'dev' });
      expect(loadAll(paths, { context: 'other' }).server.href).toBe('https://three.test/');
      const mixed = loadAll(paths, { context: 'mixed' });
      expect(mixed.server.href).toBe('https://one.test:6443/');
      expect((await mixed.credentials.requestOptions()).headers).toMatchObject({ Authorization: 'Bearer doras' });
      expect(loadAll(paths.toReversed())).toMatchObject({ context: 'other' });
    });

    it('that are missing or empty are skipped among several', () => {
      expect(loadAll([file('none'), write('empty', ''), file('config'), ''])).toMatchObject({ context: 'dev' });
    });

    it('that are all missing are named', () => {
      expect(failureOf(() => load({ kubeconfig: file('none') }))).toMatchObject({
        code: 'kubeconfig.unreadable',
        message: `No kubeconfig at ${file('none')}`,
      });
      expect(failureOf(() => loadAll([file('a'), file('b')]))).toMatchObject({ code: 'kubeconfig.unreadable' });
    });

    it('may have a colon in the name that a flag gives', () => {
      mkdirSync(file('a:b'));
      expect(load({ kubeconfig: write('a:b/config', config('{token: t}')) })).toMatchObject({ context: 'dev' });
    });

    it.each(['a: [', '- a list', 'just text', 'clusters: 5\ncontexts: {}\n'])('that are not understood are named: %s', (text) => {
      write('config', text);
      const failure = failureOf(() => load()) as { code: string; message: string };
      expect(['kubeconfig.invalid', 'kubeconfig.no-context']).toContain(failure.code);
      if (failure.code === 'kubeconfig.invalid') expect(failure.message).toContain(file('config'));
    });

    it('that cannot be read are named', () => {
      mkdirSync(file('directory'));
      expect(failureOf(() => load({ kubeconfig: file('directory') }))).toMatchObject({ code: 'kubeconfig.unreadable' });
    });

    it('name other files relative to themselves', async () => {
      mkdirSync(file('pki'));
      write('pki/ca.crt', 'CA');
      write('pki/me.crt', 'CERT');
      write('pki/me.key', 'KEY');
      write('config', config('{client-certificate: pki/me.crt, client-key: pki/me.key}', ', certificate-authority: pki/ca.crt'));
      const { ca, cert, key } = await options();
      expect([ca, cert, key].map(String)).toEqual(['CA', 'CERT', 'KEY']);
    });

    it('that they name and that are missing are the trouble, not a login', async () => {
      write('config', config('{token: t}', ', certificate-authority: pki/none.crt'));
      await expect(options()).rejects.toMatchObject({
        code: 'kubeconfig.invalid',
        reason: expect.stringContaining('pki/none.crt') as string,
      });
    });
  });

  describe('logging in', () => {
    const credential = (token: string) =>
      `echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"${token}"}}'`;
    const exec = (command: string, more = '') =>
      config(`{exec: {apiVersion: client.authentication.k8s.io/v1, command: "${command}", interactiveMode: Never${more}}}`);

    it('takes the token that a program prints', async () => {
      write('config', exec(script('plugin', credential('from-plugin'))));
      expect(await headers()).toMatchObject({ Authorization: 'Bearer from-plugin' });
    });

    it('runs the program once for all clients until the credential expires', async () => {
      const until = (minutes: number) => new Date(Date.now() + minutes * 60_000).toISOString();
      const counted = (minutes: number) =>
        `echo run >>${file('runs')}\n` +
        `echo '{"kind":"ExecCredential","status":{"token":"t","expirationTimestamp":"${until(minutes)}"}}'`;
      const runs = () => readFileSync(file('runs'), 'utf8').trim().split('\n').length;
      write('config', exec(script('lasting', counted(5))));
      await Promise.all([headers(), headers(), headers()]);
      expect(await headers()).toMatchObject({ Authorization: 'Bearer t' });
      expect(runs()).toBe(1);
      write('config', exec(script('expired', counted(-5))));
      await headers();
      await headers();
      expect(runs()).toBe(3);
    });

    it('keeps apart what programs print for different clusters and arguments', async () => {
      const plugin = script('plugin', `echo "{\\"status\\":{\\"token\\":\\"$1\\"}}"`);
      write('config', exec(plugin, ', args: [one]'));
      expect(await headers()).toMatchObject({ Authorization: 'Bearer one' });
      write('config', exec(plugin, ', args: [two]'));
      expect(await headers()).toMatchObject({ Authorization: 'Bearer two' });
    });

    it('finds the program beside the file, and tells it what it is run for', async () => {
      script('plugin', `echo "$KUBERNETES_EXEC_INFO" | grep -q one.test || exit 4\n${credential('beside')}`);
      write('config', exec('./plugin', ', provideClusterInfo: true'));
      expect(await headers()).toMatchObject({ Authorization: 'Bearer beside' });
    });

    it('gives the words of a program that fails', async () => {
      write('config', exec(script('plugin', 'echo "your session has expired" >&2; exit 1')));
      await expect(options()).rejects.toMatchObject({
        code: 'kubeconfig.auth-plugin-failed',
        reason: 'your session has expired',
      });
    });

    it('says what a program prints that is no credential', async () => {
      write('config', exec(script('plugin', 'echo hello')));
      await expect(options()).rejects.toMatchObject({ code: 'kubeconfig.auth-plugin-failed' });
      write('config', exec(script('plugin', 'echo "{}"')));
      await expect(options()).rejects.toMatchObject({ code: 'kubeconfig.auth-plugin-failed' });
    });

    it('names a program that is missing, with the hint of the kubeconfig', async () => {
      write('config', exec('no-such-plugin'));
      await expect(options()).rejects.toMatchObject({
        code: 'kubeconfig.auth-plugin-missing',
        message: expect.stringContaining('no-such-plugin') as string,
      });
      write('config', exec('no-such-plugin', ', installHint: "brew install it"'));
      await expect(options()).rejects.toMatchObject({ remedies: [{ label: 'brew install it' }] });
    });

    it('reads a token from a file, anew each time', async () => {
      write('token', 'first\n');
      write('config', config('{tokenFile: token}'));
      const target = load();
      expect((await target.credentials.requestOptions()).headers).toMatchObject({ Authorization: 'Bearer first' });
      write('token', 'second\n');
      expect((await target.credentials.requestOptions()).headers).toMatchObject({ Authorization: 'Bearer second' });
      rmSync(file('token'));
      await expect(target.credentials.requestOptions()).rejects.toMatchObject({ code: 'kubeconfig.invalid' });
      expect(await headers({ token: 'flag' })).toMatchObject({ Authorization: 'Bearer flag' });
    });

    it('sends a name and password', async () => {
      write('config', config('{username: me, password: secret}'));
      expect(await options()).toMatchObject({ auth: 'me:secret' });
    });

    it('does without for a server that asks for none', async () => {
      write('config', config('{}'));
      expect(await headers()).not.toHaveProperty('Authorization');
    });
  });

  it('reaches a server over plain HTTP, as `kubectl proxy` offers', async () => {
    const server = http.createServer((_request, response) => response.end('{"ok":true}'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { credentials } = load({ server: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const client = new KubeClient(credentials);
    try {
      expect(await client.request({ method: 'GET', path: '/version' })).toEqual({ ok: true });
    } finally {
      client.close();
      server.close();
    }
  });

  it('goes through the proxy that the cluster names', async () => {
    const asked: string[] = [];
    const proxy = http.createServer();
    proxy.on('connect', (request, socket) => {
      asked.push(request.url ?? '');
      socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    write('config', config('{token: t}', `, proxy-url: "http://127.0.0.1:${(proxy.address() as AddressInfo).port}"`));
    const client = new KubeClient(load().credentials);
    await expect(client.request({ method: 'GET', path: '/version' })).rejects.toThrow();
    expect(asked).toEqual(['one.test:6443']);
    client.close();
    proxy.closeAllConnections();
    proxy.close();
  });
});
