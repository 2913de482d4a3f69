import { describe, expect, it } from 'vitest';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { ConnectionState, DoctorCheck } from '#protocol/local-api/model.ts';
import { connection, json, run, serve } from '../testing/cli-harness.ts';

const paused = (until?: string): ConnectionState => ({
  kind: 'paused',
  since: '2026-01-01T00:00:00.000Z',
  ...(until === undefined ? {} : { until }),
});

describe('pause and resume', () => {
  it('pass the time on in minutes, and show what came of it', async () => {
    const inputs: CallInput<'pause'>[] = [];
    const until = '2026-01-01T01:30:00.000Z';
    await serve({
      pause: async (input) => {
        inputs.push(input);
        return { connection: { ...connection, state: paused(input.minutes === undefined ? undefined : until) } };
      },
      resume: async (_input, { emit }) => {
        emit({ stage: 'Making the network interface' });
        return { connection };
      },
    });
    expect(json(await run('pause --for 1h30m --output json'))).toEqual({ name: 'dev-shop', state: 'paused', until });
    expect((await run('pause --use dev')).stdout).toBe('Paused dev-shop, until: telepresence resume\n');
    expect((await run('pause --for 20s')).stdout).toContain('Paused dev-shop until ');
    expect((await run('pause --for 15')).code).toBe(0);
    expect(inputs).toEqual([{ minutes: 90 }, { use: 'dev' }, { minutes: 1 }, { minutes: 15 }]);
    expect((await run('resume')).stdout).toBe('Resumed dev-shop\n');
  });

  it.each(['soon', '0', '8d', ''])('refuse %j as a time', async (time) => {
    await serve({});
    expect((await run(`pause --for=${time}`)).code).toBe(2);
  });

  it('show in the status', async () => {
    await serve({}, fakeState({ connections: { 'dev-shop': { ...connection, state: paused() } } }));
    expect((await run('status')).stdout).toMatch(/Status +: Paused[\s\S]*Connection +: paused\n/);
    expect(json(await run('status --output json'))).toMatchObject({ user_daemon: { status: 'Paused', state: 'paused' } });
  });
});

describe('doctor', () => {
  const check = (id: string, status: DoctorCheck['status']): DoctorCheck => ({
    id,
    title: `Title of ${id}`,
    status,
    reason: 'because',
    remedies: [{ label: 'Do it', command: 'x' }],
  });

  it('prints checks with what to do about those that need it, and fails where one does', async () => {
    const inputs: CallInput<'runDoctor'>[] = [];
    const checks = [check('api', 'pass'), check('tun', 'fail')];
    await serve({
      runDoctor: async (input, { emit }) => {
        inputs.push(input);
        for (const done of checks) emit(done);
        return { checks };
      },
    });
    const { code, stdout } = await run('doctor api tun --context other');
    expect(code).toBe(1);
    expect(stdout).toBe('ok    Title of api (api): because\nFAIL  Title of tun (tun): because\n        do: Do it: x\n');
    expect(inputs[0]).toMatchObject({ only: ['api', 'tun'], kubeFlags: { context: 'other' } });
    const structured = await run('doctor --output json');
    expect(structured.code).toBe(1);
    expect(json(structured)).toEqual({ checks });
    expect((await run('doctor none')).code).toBe(2);
  });

  it('succeeds with warnings', async () => {
    await serve({ runDoctor: async () => ({ checks: [check('vpn', 'warn'), check('fuse', 'not-applicable')] }) });
    expect((await run('doctor')).code).toBe(0);
  });
});

describe('ui', () => {
  it('prints the address', async () => {
    await serve({ openUi: async () => ({ url: 'http://127.0.0.1:4000/#token=t' }) });
    expect((await run('ui --no-open')).stdout).toBe('http://127.0.0.1:4000/#token=t\n');
    expect(json(await run('ui --no-open --output json'))).toEqual({ url: 'http://127.0.0.1:4000/#token=t', opened: false });
  });
});

describe('revoke', () => {
  it('says whose intercept it was', async () => {
    await serve({ revoke: async ({ id }) => ({ id, owner: 'you@there' }) });
    expect((await run('revoke 5f0c:shop')).stdout).toBe('Revoked shop of you@there\n');
    expect((await run('revoke')).code).toBe(2);
  });
});
