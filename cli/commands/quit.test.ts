import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { directory, json, run } from '../testing/cli-harness.ts';

/** What a daemon that was killed leaves for the next one. */
function leaveBehind(...names: string[]): void {
  mkdirSync(join(directory, 'run'), { recursive: true });
  const write = (file: string, value: unknown) => writeFileSync(join(directory, 'run', file), JSON.stringify(value));
  const request = { kubeFlags: { context: 'dev' } };
  write('connections.json', Object.fromEntries(names.map((name) => [name, request])));
  write('pauses.json', Object.fromEntries(names.map((name) => [name, { since: '2026-01-01T00:00:00Z' }])));
  for (const name of names) write(`engagements-${name}.json`, { engagements: [] });
}

const left = () => (existsSync(join(directory, 'run')) ? readdirSync(join(directory, 'run')).sort() : []);
const wanted = (file: string) => Object.keys(JSON.parse(readFileSync(join(directory, 'run', file), 'utf8')) as object);

describe('quit where no daemon runs', () => {
  it('says so where nothing is left either', async () => {
    expect(await run('quit')).toEqual({ code: 0, stdout: 'Not connected\n', stderr: '' });
    expect(await run('quit -s')).toEqual({ code: 0, stdout: 'Telepresence daemons are not running\n', stderr: '' });
    expect(json(await run('quit -s --output json'))).toEqual({ stopped: false, forgotten: [] });
  });

  it('forgets with -s what a killed daemon has left to be taken up again, and says what', async () => {
    leaveBehind('dev-shop', 'prod');
    const { code, stdout } = await run('quit -s');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout:
        'Telepresence daemons are not running\n' +
        'Forgot dev-shop, prod, which a daemon that was killed had left, with their engagements\n',
    });
    expect(left()).toEqual([]);
  });

  it('removes files that nobody can read, and engagements without their connection', async () => {
    leaveBehind('dev-shop');
    writeFileSync(join(directory, 'run', 'connections.json'), 'half a fi');
    expect(json(await run('quit -s --output json'))).toEqual({ stopped: false, forgotten: ['dev-shop'] });
    expect(left()).toEqual([]);
  });

  it('forgets without -s the connection that is meant, and keeps the others', async () => {
    leaveBehind('dev-shop', 'prod');
    expect(await run('quit')).toMatchObject({ code: 2, stderr: expect.stringContaining('dev-shop, prod') as string });
    expect(left()).toHaveLength(4);
    expect((await run('quit --use dev')).stdout).toBe(
      'Disconnected from dev-shop, which a daemon that was killed had left, with its engagements\n',
    );
    expect(left()).toEqual(['connections.json', 'engagements-prod.json', 'pauses.json']);
    expect([wanted('connections.json'), wanted('pauses.json')]).toEqual([['prod'], ['prod']]);
    expect(json(await run('quit --output json'))).toEqual({ disconnected: ['prod'] });
    expect(left()).toEqual([]);
    expect((await run('quit')).stdout).toBe('Not connected\n');
  });
});
