import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLogger } from '#base/common/log.ts';
import { handlerFiles } from './handler-log.ts';
import { HandlerProcess, type HandlerRequest } from './handler-process.ts';

const soon = { timeout: 10_000, interval: 20 };

describe('a handler process', () => {
  let directory: string;
  const made: HandlerProcess[] = [];
  let changes: (string | undefined)[];

  const make = (request: Partial<HandlerRequest> & { command: string }) => {
    const process = new HandlerProcess({
      request: { directory, environment: {}, ...request },
      files: files(),
      logger: silentLogger,
      onChanged: () => changes.push(process.snapshot()?.state.kind),
    });
    made.push(process);
    return process;
  };
  const files = () => handlerFiles({ log: directory, runtime: directory }, 'one', 'shop');
  const log = () => (existsSync(files().log) ? readFileSync(files().log, 'utf8') : '');
  const isAlive = (pid: number) => existsSync(`/proc/${pid}`) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  const pidIn = async (name: string) => {
    const file = join(directory, name);
    await expect.poll(() => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n'), soon).toBe(true);
    return Number(readFileSync(file, 'utf8'));
  };

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'handler-'));
    changes = [];
  });

  afterEach(async () => {
    for (const process of made.splice(0)) await process.end();
    rmSync(directory, { recursive: true, force: true });
  });

  it('runs in its folder with the environment of the workload, and what the request adds wins', async () => {
    const process = make({
      command: 'echo "$A,$B,$C in $(pwd)"; echo oops >&2; sleep 60',
      environment: { B: 'request', C: 'more' },
    });
    await process.start({ A: 'workload', B: 'workload', PATH: '/nowhere' });
    await expect.poll(log, soon).toContain(`workload,request,more in ${directory}`);
    await expect.poll(log, soon).toContain('oops');
    expect(log()).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z workload,/);
    expect(statSync(files().log).mode & 0o777).toBe(0o600);
    expect(process.snapshot()).toMatchObject({ restarts: 0, directory, state: { kind: 'running' } });
  });

  it('shows how it ended, and is not started again by itself', async () => {
    const process = make({ command: 'echo ran >> count; exit 3' });
    await process.start({});
    await expect.poll(() => process.snapshot()?.state, soon).toMatchObject({ kind: 'exited', exitCode: 3 });
    expect(readFileSync(join(directory, 'count'), 'utf8')).toBe('ran\n');
    expect(changes).toEqual(['running', 'exited']);
    await expect.poll(log, soon).toContain('exit code 3');
  });

  it('ends with all that it has started, whatever that does about it', async () => {
    const script =
      'trap "" TERM; setsid sh -c \'trap "" TERM; echo $$ > child; while :; do sleep 1; done\' & echo $$ > own; while :; do sleep 1; done';
    const process = make({ command: script });
    await process.start({});
    const pids = [await pidIn('own'), await pidIn('child')];
    expect(pids.map(isAlive)).toEqual([true, true]);
    await process.end();
    expect(pids.map(isAlive)).toEqual([false, false]);
    expect(existsSync(files().log)).toBe(false);
    expect(existsSync(files().record)).toBe(false);
  });

  it('is stopped and started again on request', async () => {
    const process = make({ command: 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done' });
    await process.start({ A: '1' });
    await expect.poll(log, soon).toContain('up');
    await process.stop();
    expect(process.snapshot()?.state).toMatchObject({ kind: 'exited', exitCode: 5 });
    await process.restart();
    expect(process.snapshot()).toMatchObject({ restarts: 1, state: { kind: 'running' } });
  });

  it('takes the place of one that a killed daemon has left', async () => {
    const former = make({ command: 'echo $$ > former; sleep 60' });
    await former.start({});
    const pid = await pidIn('former');
    const record = readFileSync(files().record, 'utf8');
    writeFileSync(files().record, record);
    const process = make({ command: 'echo $$ > present; sleep 60' });
    await process.start({});
    expect(isAlive(pid)).toBe(false);
    expect(isAlive(await pidIn('present'))).toBe(true);
  });

  it('is refused where its folder is not there', async () => {
    await expect(make({ command: 'true', directory: '/nowhere' }).start({})).rejects.toMatchObject({
      code: 'engagement.handler',
    });
  });

  it('waits where it prints more than can be written down, in files that stay small', async () => {
    const process = make({ command: 'yes "a line of a log that somebody forgot to turn off"' });
    await process.start({});
    await expect.poll(() => existsSync(`${files().log}.1`), soon).toBe(true);
    expect(statSync(files().log).size).toBeLessThan(11 * 1024 * 1024);
  });
});
