import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProcessLogger } from './logger.ts';

let directory = '';
let file = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'logger-'));
  file = join(directory, 'logs', 'daemon.log');
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(directory, { recursive: true, force: true });
});

const entries = () =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe('createProcessLogger', () => {
  it('names components by path and writes fields', () => {
    const { logger, close } = createProcessLogger({ component: 'daemon', file });
    logger.child('session', { id: 7 }).info('Session opened', { pod: 'a' });
    close();
    expect(entries()).toMatchObject([{ level: 'info', component: 'daemon.session', id: 7, pod: 'a', msg: 'Session opened' }]);
  });

  it('keeps secrets out, wherever they are', () => {
    const { logger, close } = createProcessLogger({ component: 'daemon', file });
    const error = new Error('401 for Bearer s3cr3t-abc', { cause: { authorization: 'Basic s3cr3t' } });
    logger.warn('Header was bearer s3cr3t', {
      kubeFlags: { token: 's3cr3t', clientKey: '/path/s3cr3t' },
      list: [{ password: 's3cr3t' }],
      error,
    });
    logger.warn('Token', { text: 'eyJhbGciOiJ.s3cr3t.sig', hasToken: true, bytes: Buffer.from('s3cr3t') });
    close();
    expect(readFileSync(file, 'utf8')).not.toContain('s3cr3t');
    expect(entries()[1]).toMatchObject({ hasToken: true, text: '[redacted]' });
  });

  it('changes the level for a while', () => {
    vi.useFakeTimers();
    const logging = createProcessLogger({ component: 'daemon', file });
    logging.logger.debug('unseen');
    logging.setLevel('debug', 1_000);
    logging.setLevel('trace', 1_000);
    logging.logger.debug('seen');
    vi.advanceTimersByTime(1_000);
    expect(logging.level).toBe('info');
    logging.setLevel('error', 0);
    logging.logger.info('unseen');
    expect(logging.level).toBe('error');
    logging.close();
    expect(entries().map(({ msg }) => msg)).toEqual(['seen']);
  });

  it('rotates by size and keeps a few files', () => {
    const { logger, close } = createProcessLogger({ component: 'daemon', file, maxBytes: 500, keep: 2 });
    for (let number = 0; number < 40; number += 1) logger.info('line', { number });
    close();
    expect([`${file}.1`, `${file}.2`, `${file}.3`].map((path) => existsSync(path))).toEqual([true, true, false]);
    expect(entries().at(-1)).toMatchObject({ number: 39 });
  });

  it('survives a log that cannot be written', () => {
    const { logger } = createProcessLogger({ component: 'daemon', file: join('/dev/null', 'daemon.log') });
    expect(() => logger.info('x')).not.toThrow();
  });
});
