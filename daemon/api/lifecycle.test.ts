import { describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { Lifecycle } from './lifecycle.ts';

describe('Lifecycle', () => {
  it('runs every hook once, the latest first, whoever asks and whatever fails or hangs', async () => {
    const lifecycle = new Lifecycle(silentLogger, { hookTimeoutMs: 20 });
    const order: string[] = [];
    lifecycle.onQuit(async () => void order.push('helper'));
    lifecycle.onQuit(() => new Promise(() => undefined));
    lifecycle.onQuit(() => Promise.reject(new Error('broken')));
    lifecycle.onQuit(async (stage) => stage('connections'));
    const stage = (text: string) => void order.push(text);
    await Promise.all([lifecycle.shutDown(stage), lifecycle.shutDown(stage)]);
    expect(order).toEqual(['connections', 'helper']);
  });

  it('says whether a part passed a log level on', async () => {
    const lifecycle = new Lifecycle(silentLogger);
    const input = { level: 'debug', durationMs: 0, scope: 'all' } as const;
    expect(await lifecycle.passLogLevelOn(input)).toBe(false);
    lifecycle.onLogLevel(async () => undefined);
    expect(await lifecycle.passLogLevelOn(input)).toBe(true);
  });
});
