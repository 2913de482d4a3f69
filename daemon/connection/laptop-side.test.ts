import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { deferred } from '#base/common/deferred.ts';
import { silentLogger } from '#base/common/log.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { parseSubnets } from '../routing/wanted-routes.ts';
import type { DnsHook } from './laptop-network.ts';
import { LaptopSide, type LaptopSideOptions, type Network, type WantedLaptop } from './laptop-side.ts';

/** A network that is only told what to do. */
class FakeNetwork implements Network {
  readonly helperPid = 1;
  dialInside = () => Promise.reject(new Error('There is no namespace'));
  readonly interfaceName = 'tel0';
  readonly address = '127.0.0.1';
  readonly addresses = ['198.18.0.1/28'];
  readonly exemptPorts = { first: 16_384, last: 16_447 };
  readonly calls: string[] = [];
  mode: DnsHook['mode'] = 'resolved';
  onSetRoutes: () => Promise<void> | void = () => undefined;

  takeDnsSockets = () => ({}) as ReturnType<Network['takeDnsSockets']>;

  setRoutes: Network['setRoutes'] = async (routes) => {
    this.calls.push(`routes ${routes.length}`);
    await this.onSetRoutes();
  };

  setDns: Network['setDns'] = async (domains) => {
    this.calls.push(`dns ${domains.join(' ')}`);
    return { mode: this.mode, formerServers: ['192.0.2.53'], search: [] };
  };

  readonly logLevels: string[] = [];
  setHelperLogLevel: Network['setHelperLogLevel'] = async (level) => void this.logLevels.push(level);

  verifyTcp: Network['verifyTcp'] = async () => ({ ok: true });

  close: Network['close'] = async () => {
    this.calls.push('close');
  };
}

const wantedWith = (domains: readonly string[], routes: readonly string[] = ['10.96.0.0/16']): WantedLaptop => ({
  routes: parseSubnets(routes, 'test'),
  reserved: [],
  domains,
  helperLogLevel: 'info',
  formerServers: [],
  dns: {
    clusterDomain: 'cluster.local',
    connectedNamespace: 'default',
    namespaces: () => new Set(['default']),
    includeSuffixes: [],
    excludeSuffixes: [],
    excludes: [],
    mappings: [],
    lookupTimeoutMs: 1_000,
    subnets: [],
  },
});

describe("the laptop's side", () => {
  let network: FakeNetwork;
  let troubles: (AppError | undefined)[];
  let laptop: LaptopSide;
  let serversChanged: () => void;
  let isWatching = false;
  const signal = new AbortController().signal;
  const calls = () => network.calls;

  beforeEach(() => {
    network = new FakeNetwork();
    troubles = [];
    laptop = new LaptopSide(options());
  });

  function options(): LaptopSideOptions {
    return {
      helperSocket: '',
      isIsolated: false,
      dialer: { dial: async () => await Promise.reject(new Error('no')) },
      lookup: { lookup: async () => await Promise.reject(new Error('no')) },
      realOf: (endpoint) => endpoint,
      dialTimeoutMs: 1_000,
      logger: silentLogger,
      onTrouble: (trouble) => troubles.push(trouble),
      openNetwork: async () => network,
      watchServers: (onChange) => {
        serversChanged = onChange;
        isWatching = true;
        return { accept: () => undefined, [Symbol.dispose]: () => (isWatching = false) };
      },
    };
  }

  afterEach(async () => {
    await laptop.stop();
  });

  const make = async () => {
    laptop.prepare(signal);
    await laptop.makeInterface(wantedWith(['~default']), signal);
    await laptop.makeDns();
  };

  it('has routes first, then DNS, and then keeps the way to the former name servers', async () => {
    await make();
    expect(calls()).toEqual(['routes 1', 'dns ~default', 'routes 1']);
    expect(laptop.status()).toMatchObject({ interfaceName: 'tel0', dnsAddress: '127.0.0.1', hook: { mode: 'resolved' } });
    await laptop.stop();
    expect(calls().at(-1)).toBe('close');
    expect(laptop.status()).toBeUndefined();
  });

  it('sends the helper away that it started for a network that could not be had', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'laptop-side-'));
    const helperSocket = join(directory, 'helper.sock');
    const isDismissed = deferred<void>();
    const helper = createServer((socket) => {
      // Of those that only look, none says hello.
      socket.once('data', () => {
        socket.write(`${JSON.stringify({ id: 1, output: { version: 1, pid: 1 } })}\n`);
        socket.once('close', () => isDismissed.resolve());
      });
      socket.resume();
    });
    const isolated = new LaptopSide({
      ...options(),
      helperSocket,
      isIsolated: true,
      startHelper: async () => await new Promise<void>((resolve) => helper.listen(helperSocket, resolve)),
      openNetwork: async () => await Promise.reject(new AppError({ code: 'cancelled', message: 'The person pressed Ctrl-C' })),
    });
    try {
      isolated.prepare(signal);
      await expect(isolated.makeInterface(wantedWith([]), signal)).rejects.toThrow('Ctrl-C');
      await isDismissed.promise;
    } finally {
      helper.close();
      rmSync(directory, { recursive: true });
    }
  });

  it('leaves routes and DNS alone where only the log level of the helper changes', async () => {
    await make();
    const before = [...calls()];
    laptop.setHelperLogLevel('debug', 0);
    await vi.waitFor(() => expect(network.logLevels).toEqual(['info', 'debug']));
    expect(calls()).toEqual(before);
  });

  it('has the helper log at another level for a while, whatever else changes meanwhile', async () => {
    await make();
    laptop.setHelperLogLevel('debug', 50);
    laptop.change(wantedWith(['~default', '~shop']));
    await vi.waitFor(() => expect(network.logLevels).toEqual(['info', 'debug', 'debug', 'info']));
  });

  it('sends the names of a new namespace here, where the resolver chooses by domain', async () => {
    await make();
    calls().length = 0;
    laptop.change(wantedWith(['~default', '~shop']));
    laptop.change(wantedWith(['~default', '~shop'], ['10.96.0.0/16', '10.244.0.0/16']));
    await expect.poll(calls).toContain('routes 2');
    expect(calls().filter((call) => call.startsWith('dns'))).toEqual(['dns ~default ~shop']);
  });

  it('leaves a hook alone that takes every question anyway', async () => {
    network.mode = 'nftables';
    await make();
    calls().length = 0;
    laptop.change(wantedWith(['~default', '~shop']));
    await expect.poll(calls).toEqual(['routes 1']);
  });

  it('sets the hook again when other name servers are in use', async () => {
    await make();
    calls().length = 0;
    serversChanged();
    await expect.poll(calls).toContain('dns ~default');
    await laptop.stop();
    expect(isWatching).toBe(false);
  });

  it('reports a change that fails as trouble', async () => {
    await make();
    network.onSetRoutes = () => {
      throw new AppError({ code: 'route.failed', message: 'no' });
    };
    laptop.change(wantedWith(['~default']));
    await expect.poll(() => troubles).toMatchObject([{ code: 'route.failed' }]);
  });

  it('tries a change that failed again, until the trouble is over', async () => {
    await make();
    let isInTheWay = true;
    network.onSetRoutes = () => {
      if (isInTheWay) throw new AppError({ code: 'route.overlap', message: 'taken' });
    };
    laptop.change(wantedWith(['~default'], ['10.96.0.0/16', '10.244.0.0/16']));
    await expect.poll(() => troubles).toMatchObject([{ code: 'route.overlap' }]);
    isInTheWay = false;
    await expect.poll(() => troubles.at(-1), { timeout: 5_000 }).toBeUndefined();
    expect(calls().at(-1)).toBe('routes 2');
  });

  it('gives the network back where it cannot be made as wanted', async () => {
    network.onSetRoutes = () => {
      throw new AppError({ code: 'route.failed', message: 'no' });
    };
    await expect(make()).rejects.toMatchObject({ code: 'route.failed' });
    expect(calls()).toEqual(['routes 1', 'close']);
  });

  it('waits, when it is stopped, for what is being made, and gives that back', async () => {
    const routed = deferred<void>();
    network.onSetRoutes = async () => await routed.promise;
    const making = make();
    await expect.poll(calls).toEqual(['routes 1']);
    const stopping = laptop.stop();
    routed.resolve();
    await expect(making).rejects.toThrow();
    await stopping;
    expect(calls()).not.toContain('dns ~default');
    expect(calls()).toContain('close');
    expect(laptop.status()).toBeUndefined();
  });

  it('gives back a network that is still being opened when it is stopped', async () => {
    laptop.prepare(signal);
    await laptop.stop();
    expect(calls()).toEqual(['close']);
  });

  it('is given back for a pause, and made again as it is wanted by then', async () => {
    await laptop.makeInterface(wantedWith(['~a']), signal);
    await laptop.makeDns();
    await laptop.pause();
    expect(calls().at(-1)).toBe('close');
    expect(laptop.status()).toBeUndefined();
    laptop.change(wantedWith(['~b']));
    const before = calls().length;
    await laptop.resume(wantedWith(['~c'], ['10.96.0.0/16', '10.97.0.0/16']), signal);
    expect(calls().slice(before, before + 2)).toEqual(['routes 2', 'dns ~c']);
    expect(laptop.status()?.interfaceName).toBe('tel0');
    await laptop.pause();
    await laptop.stop();
    expect(calls().at(-1)).toBe('close');
  });

  it('stays paused where it cannot be made again', async () => {
    await laptop.makeInterface(wantedWith(['~a']), signal);
    await laptop.pause();
    network.onSetRoutes = () => Promise.reject(new AppError({ code: 'route.overlap', message: 'taken' }));
    await expect(laptop.resume(wantedWith(['~a']), signal)).rejects.toMatchObject({ code: 'route.overlap' });
    expect(laptop.status()).toBeUndefined();
    expect(troubles).toEqual([]);
  });
});
