import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { productVersion } from '#base/common/version.ts';
import type { ConnectRequest } from '#protocol/local-api/model.ts';
import { json, run } from './testing/cli-harness.ts';

describe('without a daemon', () => {
  it('shows that nothing runs and starts nothing', async () => {
    expect(await run('status')).toEqual({
      code: 0,
      stdout: 'User Daemon: Not running\nRoot Daemon: Not running\nTraffic Manager: Not connected\n',
      stderr: '',
    });
    expect(json(await run('status --output json'))).toMatchObject({
      user_daemon: { running: false },
      root_daemon: { running: false },
    });
    expect((await run('version')).stdout).toContain(`Client         : v${productVersion}`);
    expect(await run('quit')).toEqual({ code: 0, stdout: 'Not connected\n', stderr: '' });
    expect((await run('quit -s')).stdout).toBe('Telepresence daemons are not running\n');
  });

  it('says in three lines what to do, with the code of the registry', async () => {
    expect(await run('list')).toEqual({
      code: 3,
      stdout: '',
      stderr: 'telepresence list: error: Not connected to a cluster\n  do: Connect first: telepresence connect\n',
    });
  });

  it('says why a daemon did not start', async () => {
    const { code, stderr } = await run('list-contexts');
    expect(code).toBe(1);
    expect(stderr).toContain('telepresence list-contexts: error: The Telepresence user daemon ended at once');
    expect(stderr).toContain('  why: ');
  });
});

describe('usage', () => {
  it.each([
    ['lst', 'telepresence: error: unknown command', 'Did you mean list?'],
    ['list --namespce x', "telepresence list: error: unknown option '--namespce'", 'Did you mean --namespace?'],
    ['loglevel loud', 'telepresence loglevel: error:', 'telepresence loglevel --help'],
    ['loglevel debug -l -r', 'telepresence loglevel: error:', 'cannot be used'],
    ['helm', 'telepresence helm: error: "helm" needs a command', 'telepresence helm --help'],
    ['status -- ls', 'telepresence status: error: "status" takes no command after --', 'telepresence status --help'],
    ['connect ls', 'telepresence connect: error: Unexpected argument "ls"', 'telepresence connect -- command args'],
    ['helm upgrade --reset-values --reuse-values', 'telepresence helm upgrade: error: --reset-values', 'exclude'],
    ['helm install --set x', 'telepresence helm install: error: --set x has no =', 'do: Write it as --set key=value'],
    ['status --output xml', 'telepresence status: error:', 'default, json'],
    ['list-contexts --kubeconfig -', 'telepresence list-contexts: error: There is no kubeconfig on standard input', ''],
  ])('%s ends with 2 and an explanation', async (line, first, second) => {
    const { code, stdout, stderr } = await run(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.startsWith(first)).toBe(true);
    expect(stderr).toContain(second);
  });

  it('puts a failure into an envelope in the structured formats', async () => {
    const outcome = await run('--output json lst');
    expect(outcome).toMatchObject({ code: 2, stderr: '' });
    expect(json(outcome)).toMatchObject({ cmd: '', err: "unknown command 'lst'", error: { code: 'usage' } });
    expect(parse((await run('list --output yaml')).stdout)).toMatchObject({ cmd: 'list', err: 'Not connected to a cluster' });
    expect((await run('list --output=json-stream')).stdout).toMatch(/^\{"cmd":"list",.*\}\n$/);
  });

  it('has an example in the help of every command', async () => {
    const names = [
      'connect',
      'quit',
      'status',
      'list',
      'helm',
      'loglevel',
      'config',
      'list-contexts',
      'list-namespaces',
      'completion',
      'version',
    ];
    const nested = ['helm install', 'helm upgrade', 'helm uninstall', 'helm lint', 'helm version', 'config view', ''];
    for (const name of [...names, ...nested]) {
      const { code, stdout } = await run(`${name} --help`);
      expect({ name, code, text: stdout }).toMatchObject({
        name,
        code: 0,
        text: expect.stringContaining('Example:\n  telepresence ') as string,
      });
    }
  });
});

describe('connectRequest', () => {
  it('has every flag, and nothing that was not given', async () => {
    const { connectRequest } = await import('./commands/connect.ts');
    const { buildProgram } = await import('./program.ts');
    const requestOf = async (line: string) => {
      let request: ConnectRequest | undefined;
      const io = { cwd: '/work', env: { KUBECONFIG: 'a:/b' } } as unknown as Parameters<typeof connectRequest>[1];
      const program = buildProgram(async (_name, options) => {
        request = connectRequest(options, io);
      });
      await program.parseAsync(line.split(' '), { from: 'user' });
      return request;
    };
    expect(await requestOf('connect')).toEqual({ kubeFlags: {}, kubeconfigEnv: '/work/a:/b' });
    const line =
      'connect -n shop --manager-namespace m --mapped-namespaces a,b --mapped-namespaces c --name x --also-proxy 10.0.0.0/8 --never-proxy 10.1.0.0/16' +
      ' --allow-conflicting-subnets 10.2.0.0/16 --vnat pods --reroute-remote h:1:2 --reroute-local 1:h:2 --as ann --as-group g --as-group h' +
      ' --insecure-skip-tls-verify --client-key k.pem -s https://api --request-timeout 5s';
    expect(await requestOf(line)).toEqual({
      kubeFlags: {
        as: 'ann',
        asGroup: ['g', 'h'],
        insecureSkipTlsVerify: true,
        clientKey: '/work/k.pem',
        server: 'https://api',
        requestTimeout: '5s',
      },
      kubeconfigEnv: '/work/a:/b',
      namespace: 'shop',
      managerNamespace: 'm',
      mappedNamespaces: ['a', 'b', 'c'],
      name: 'x',
      alsoProxy: ['10.0.0.0/8'],
      neverProxy: ['10.1.0.0/16'],
      allowConflictingSubnets: ['10.2.0.0/16'],
      vnat: ['pods'],
      rerouteRemote: ['h:1:2'],
      rerouteLocal: ['1:h:2'],
    });
  });
});
