import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError } from '#protocol/errors/app-error.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { type LoadedConfig, loadConfig, showConfig } from './load-config.ts';
import { watchConfig } from './watch-config.ts';

let directory = '';
let configFile = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'config-'));
  configFile = join(directory, 'config.yml');
});

afterEach(() => rm(directory, { recursive: true }));

describe('loadConfig', () => {
  it('has the built-in values without any source, and for an empty file', async () => {
    const absent = loadConfig({ configFile });
    expect(absent.config).toMatchObject({
      cluster: { defaultManagerNamespace: 'ambassador' },
      dns: { lookupTimeout: 4_000 },
    });
    expect(new Set(Object.values(absent.sources))).toEqual(new Set(['built-in']));
    for (const content of ['', '# nothing\n', '---\n', 'dns:\n']) {
      await writeFile(configFile, content);
      expect(loadConfig({ configFile })).toEqual(absent);
    }
  });

  it('lets the higher source win, and names it', async () => {
    await writeFile(configFile, 'dns:\n  lookupTimeout: 2s\n  excludes: [a]\ntimeouts:\n  helm: 1m30s\n');
    const { config, sources, warnings } = loadConfig({
      configFile,
      pushedYaml: 'dns:\n  lookupTimeout: 9s\n  includeSuffixes: [.corp]\n  excludes: [b]\n',
      kubeconfigExtension: { dns: { excludes: [] } },
      flags: { cluster: { defaultManagerNamespace: 'staging' } },
    });
    expect(config.dns).toMatchObject({ lookupTimeout: 2_000, includeSuffixes: ['.corp'], excludes: [] });
    expect(config.timeouts.helm).toBe(90_000);
    expect(sources).toMatchObject({
      'dns.lookupTimeout': configFile,
      'dns.includeSuffixes': 'traffic-manager',
      'dns.excludes': 'kubeconfig',
      'cluster.defaultManagerNamespace': 'command line',
      'timeouts.proxyDial': 'built-in',
    });
    expect(warnings).toEqual([]);
  });

  it('lets an explicit false override a pushed true', async () => {
    await writeFile(configFile, 'dns: {recursionCheck: false}\n');
    expect(loadConfig({ configFile, pushedYaml: 'dns: {recursionCheck: true}' }).config.dns.recursionCheck).toBe(false);
  });

  it('joins the subnets to route of all sources', async () => {
    await writeFile(configFile, 'routing:\n  alsoProxySubnets: [10.9.0.0/16, 10.8.0.0/16]\n');
    const { config, sources } = loadConfig({
      configFile,
      pushedYaml: 'routing: {alsoProxySubnets: [10.8.0.0/16, 10.7.0.0/16]}',
      kubeconfigExtension: { 'never-proxy': ['1.2.3.4'], manager: { namespace: 'tools' } },
    });
    expect(config.routing.alsoProxySubnets).toEqual(['10.9.0.0/16', '10.8.0.0/16', '10.7.0.0/16']);
    expect(config.routing.neverProxySubnets).toEqual(['1.2.3.4/32']);
    expect(config.cluster.defaultManagerNamespace).toBe('tools');
    expect(sources['routing.alsoProxySubnets']).toBe(`${configFile}, traffic-manager`);
  });

  it('warns of keys that it does not know or use', async () => {
    await writeFile(configFile, 'dns: {lookupTimeuot: 1s}\nfoo: 1\nintercept: {useFtp: true}\ncluster: {forceSPDY: true}\n');
    expect(loadConfig({ configFile }).warnings).toEqual([
      `${configFile}: unknown key dns.lookupTimeuot`,
      `${configFile}: unknown key foo`,
      `${configFile}: intercept.useFtp has no effect in this version`,
      `${configFile}: cluster.forceSPDY has no effect in this version`,
    ]);
  });

  it.each([
    ['dns: {lookupTimeout: soon}', 'dns.lookupTimeout', 'duration'],
    ['timeouts: {connectivityCheck: 6s}', 'timeouts.connectivityCheck', 'at most 5s'],
    ['logLevels: {userDaemon: loud}', 'logLevels.userDaemon', 'one of error, warn'],
    ['routing: {alsoProxySubnets: [10.0.0.0/33]}', 'routing.alsoProxySubnets', 'subnet'],
    ['dns: {mappings: [{name: a}]}', 'dns.mappings', 'aliasFor'],
    ['dns: 5', 'dns', 'group'],
    ['- a\n- b', undefined, 'groups'],
    ['a: [', undefined, 'line 1'],
  ])('refuses a file with %s, saying where and why', async (content, key, reason) => {
    await writeFile(configFile, content);
    const error = errorOf(() => loadConfig({ configFile }));
    expect(error).toBeInstanceOf(AppError);
    expect(error).toMatchObject({
      code: 'config.invalid',
      context: { source: configFile, ...(key === undefined ? {} : { key }) },
    });
    expect((error as AppError).reason).toContain(reason);
  });

  it('ignores bad values that the traffic-manager sends, with a warning', async () => {
    const { config, warnings } = loadConfig({ configFile, pushedYaml: 'dns: {lookupTimeout: soon, excludes: [x]}' });
    expect(config.dns).toMatchObject({ lookupTimeout: 4_000, excludes: ['x'] });
    expect(warnings).toEqual([expect.stringMatching(/^traffic-manager: dns.lookupTimeout: expected a duration/)]);
    expect(loadConfig({ configFile, pushedYaml: ': [' }).warnings).toHaveLength(1);
  });

  it('never crashes on any YAML value', () => {
    fc.assert(
      fc.property(fc.object(), (value) => {
        loadConfig({ configFile, pushedYaml: JSON.stringify(value) });
      }),
    );
  });
});

describe('showConfig', () => {
  it('writes values that load to the same configuration', async () => {
    await writeFile(
      configFile,
      'images: {agentImage: "tel2:1"}\ndns: {mappings: [{name: a, aliasFor: fd00::1}]}\nrouting: {neverProxySubnets: [1.2.3.0/24]}\n',
    );
    const { config } = loadConfig({ configFile });
    const shown = showConfig(config);
    expect(shown).toMatchObject({
      dns: { lookupTimeout: '4s' },
      grpc: { maxReceiveSize: '4Mi' },
      routing: { virtualSubnet: '246.246.0.0/16' },
    });
    expect(loadConfig({ configFile: join(directory, 'none'), flags: shown }).config).toEqual(config);
  });
});

describe('durations', () => {
  it.each<[string | number, number | undefined]>([
    ['4s', 4_000],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['1.5s', 1_500],
    ['0', 0],
    [2, 2_000],
    ['1d', undefined],
    ['-4s', undefined],
    ['', undefined],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  it('are read as they are written', () => {
    fc.assert(
      fc.property(fc.nat(), (ms) => {
        expect(parseDuration(formatDuration(ms))).toBe(ms);
      }),
    );
  });
});

describe('watchConfig', () => {
  it('reports changes, replaced files and errors, and stops when told', async () => {
    const events: (LoadedConfig | AppError)[] = [];
    let wake = (): void => undefined;
    const next = async (): Promise<LoadedConfig | AppError> => {
      while (events.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      return events.shift() as LoadedConfig | AppError;
    };
    const push = (event: LoadedConfig | AppError): void => {
      events.push(event);
      wake();
    };
    using cleanup = new DisposableStack();
    cleanup.use(watchConfig({ configFile }, { onChange: push, onError: push }));
    await writeFile(configFile, 'timeouts: {helm: 5s}\ndns: {lookupTimeout: 1s}\n');
    const first = (await next()) as LoadedConfig;
    expect(first.config.timeouts.helm).toBe(5_000);
    await writeFile(`${configFile}.new`, 'logLevels: {userDaemon: loud}\n');
    await rename(`${configFile}.new`, configFile);
    expect(await next()).toMatchObject({ code: 'config.invalid' });
  });
});

function errorOf(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
