import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Handlers, untilAborted } from '#net/rpc/handlers.ts';
import { fakeState } from '#net/rpc/testing/fake-daemon.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { CallInput } from '#protocol/local-api/local-api.ts';
import type { Engagement, StateEvent } from '#protocol/local-api/model.ts';
import { connection, directory, json, run, serve, workload } from '../testing/cli-harness.ts';

const engagement: Engagement = {
  name: 'shop',
  connection: 'dev-shop',
  mode: 'intercept',
  workload: 'shop',
  workloadKind: 'Deployment',
  namespace: 'shop',
  container: 'app',
  id: 'session-1:shop',
  owner: 'dev@laptop',
  laptopAddress: '127.0.0.1',
  ports: [
    {
      laptopPort: 9000,
      containerPort: 8080,
      protocol: 'TCP',
      identifier: 'http',
      service: { name: 'shop', uid: 'uid-1', portName: 'http', port: 80 },
    },
  ],
  podIp: '10.244.0.7',
  toPod: [],
  state: { kind: 'active', since: '2026-01-01T00:00:00.000Z' },
  handler: 'listening',
  traffic: { connections: 0, open: 0, rejected: 0, inBytes: 0, outBytes: 0 },
};
const stateWith = (...engagements: Engagement[]) =>
  fakeState({
    connections: { 'dev-shop': connection },
    engagements: Object.fromEntries(engagements.map((one) => [`dev-shop/${one.name}`, one])),
  });
const environment = { COLOUR: 'green', TELEPRESENCE_INTERCEPT_ID: 'session-1:shop' };

/** Answers `intercept` and keeps what it was asked. */
async function serveIntercept(change: Partial<Engagement> = {}, handlers: Partial<Handlers> = {}) {
  const inputs: CallInput<'intercept'>[] = [];
  const left: CallInput<'leave'>[] = [];
  await serve(
    {
      intercept: async (input, { emit }) => {
        inputs.push(input);
        emit({ stage: 'Waiting for the traffic-agent' });
        return { engagement: { ...engagement, ...change }, environment, warnings: [] };
      },
      leave: async (input) => {
        left.push(input);
        return { engagement };
      },
      ...handlers,
    },
    stateWith({ ...engagement, ...change }),
  );
  return { inputs, left };
}

describe('intercept', () => {
  it('asks for what the flags say, and shows what came of it', async () => {
    const { inputs } = await serveIntercept();
    const { code, stdout, stderr } = await run(
      'intercept shop --port 9000:http --env-file shop.env --env-syntax sh:export --progress plain',
    );
    expect(stderr).toBe('Waiting for the traffic-agent\n');
    expect(stdout).toBe(
      [
        'Using Deployment shop',
        '  Intercept name         : shop',
        '  State                  : ACTIVE',
        '  Workload kind          : Deployment',
        '  Intercepting           : 10.244.0.7 -> 127.0.0.1',
        '      8080 -> 9000 TCP',
        '  Service Port Identifier: http',
        '  Filter                 : all TCP connections',
        '',
      ].join('\n'),
    );
    expect(code).toBe(0);
    expect(inputs).toEqual([
      {
        request: {
          name: 'shop',
          ports: [{ laptopPort: 9000, identifier: 'http' }],
          toPod: [],
          envFile: { path: join(directory, 'shop.env'), syntax: 'sh:export' },
        },
      },
    ]);
  });

  it.each([
    ['8080', { laptopPort: 8080 }],
    ['8080:http', { laptopPort: 8080, identifier: 'http' }],
    ['8080:80', { laptopPort: 8080, identifier: '80' }],
    ['8080:80/udp', { laptopPort: 8080, identifier: '80/UDP' }],
    ['8080:dns/TCP', { laptopPort: 8080, identifier: 'dns/TCP' }],
  ])('understands --port %s', async (text, expected) => {
    const { inputs } = await serveIntercept();
    await run(`intercept shop -p ${text}`);
    expect(inputs[0]?.request.ports).toEqual([expected]);
  });

  it.each(['http', '0', '65536', '8080:9090:http', 'all', '8080:', '8080:HTTP', '8080:80/SCTP', '8080:0'])(
    'refuses --port %s',
    async (text) => {
      const { inputs } = await serveIntercept();
      const { code, stderr } = await run(`intercept shop -p ${text}`);
      expect(code).toBe(2);
      expect(stderr).toContain(`--port ${text} cannot be`);
      expect(inputs).toEqual([]);
    },
  );

  it('passes the other flags on', async () => {
    const { inputs } = await serveIntercept();
    await run(
      'intercept mine -w shop -n other --service web -c app --address ::1 --to-pod 9901,9902/tcp -j env.json -p 1:a -p 2:b --use dev --mount=false',
    );
    expect(inputs).toEqual([
      {
        use: 'dev',
        request: {
          name: 'mine',
          workload: 'shop',
          namespace: 'other',
          service: 'web',
          container: 'app',
          address: '::1',
          toPod: [9901, 9902],
          envJson: join(directory, 'env.json'),
          ports: [
            { laptopPort: 1, identifier: 'a' },
            { laptopPort: 2, identifier: 'b' },
          ],
        },
      },
    ]);
  });

  it('has the documented shape for programs; the environment only with --detailed-output', async () => {
    await serveIntercept();
    const expected = {
      id: 'session-1:shop',
      name: 'shop',
      disposition: 'ACTIVE',
      workload_kind: 'Deployment',
      target_host: '127.0.0.1',
      target_port: 9000,
      service_uid: 'uid-1',
      port_id: 'http',
      container_port: 8080,
      filter_desc: 'all TCP connections',
      global: true,
      pod_ip: '10.244.0.7',
    };
    const brief = json(await run('intercept shop --output json'));
    expect(brief).toMatchObject(expected);
    expect(brief).not.toHaveProperty('environment');
    expect(json(await run('intercept shop --output json --detailed-output'))).toMatchObject({ ...expected, environment });
  });

  it('warns where nothing listens', async () => {
    const { inputs } = await serveIntercept({ handler: 'not-listening' });
    const { stdout, stderr } = await run('intercept shop');
    expect(stderr).toContain('warning: Nothing listens on 127.0.0.1:9000 yet');
    expect(stdout).toContain('nothing listens');
    expect(inputs[0]?.request).not.toHaveProperty('handlerFollows');
  });

  it('fails with the reason and what to do', async () => {
    await serveIntercept(
      {},
      {
        intercept: async () => {
          throw new AppError({
            code: 'engagement.conflict',
            message: 'shop is intercepted by ann@desk',
            remedies: [{ label: 'Ask ann' }],
          });
        },
      },
    );
    expect(await run('intercept shop')).toEqual({
      code: 8,
      stdout: '',
      stderr: 'telepresence intercept: error: shop is intercepted by ann@desk\n  do: Ask ann\n',
    });
    expect(await run('intercept shop --')).toMatchObject({ code: 2 });
    expect(await run('intercept UPPER')).toMatchObject({ code: 2 });
    expect(await run('intercept shop --mount /tmp/x')).toMatchObject({ code: 2 });
    expect(await run('intercept shop --env-syntax zsh')).toMatchObject({ code: 2 });
  });

  it('says that there is no connection', async () => {
    expect(await run('intercept shop')).toMatchObject({ code: 3 });
  });
});

describe('intercept with a command', () => {
  const script = (text: string) => {
    const file = join(directory, 'handler.mjs');
    writeFileSync(file, text);
    return ['intercept', 'shop', '--wait-message', 'handler runs', '--', process.execPath, file];
  };

  it('gives it the environment, ends with its status, and leaves', async () => {
    const { left } = await serveIntercept();
    const out = join(directory, 'out');
    const outcome = await run(
      script(
        `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(out)}, process.env.COLOUR + process.env.HOME); process.exit(7);`,
      ),
    );
    expect(outcome).toMatchObject({ code: 7, stderr: '' });
    expect(outcome.stdout).toContain('handler runs\n');
    expect(readFileSync(out, 'utf8')).toBe(`green${directory}`);
    expect(left).toEqual([{ use: 'dev-shop', name: 'shop' }]);
  });

  it('ends it when the intercept is left elsewhere', async () => {
    const { left } = await serveIntercept(
      {},
      {
        watchState: async (_input, { emit, signal }) => {
          const events: StateEvent[] = [
            { kind: 'snapshot', revision: 1, state: stateWith(engagement) },
            { kind: 'delta', revision: 2, collection: 'engagements', id: 'dev-shop/shop' },
          ];
          for (const event of events) emit(event);
          await untilAborted(signal);
          return {};
        },
      },
    );
    expect(await run(script('setInterval(() => undefined, 1000);'))).toMatchObject({ code: 143 });
    expect(left).toEqual([]);
  });

  it('says that it does not listen only when it has had its time, once', async () => {
    const silent: Engagement = { ...engagement, handler: 'not-listening' };
    const go = join(directory, 'go');
    const { inputs } = await serveIntercept(
      { handler: 'unknown' },
      {
        watchState: async (_input, { emit, signal }) => {
          emit({ kind: 'snapshot', revision: 1, state: stateWith({ ...engagement, handler: 'unknown' }) });
          const changes = [silent, engagement, silent];
          for (const [index, value] of changes.entries())
            emit({ kind: 'delta', revision: index + 2, collection: 'engagements', id: 'dev-shop/shop', value });
          writeFileSync(go, '');
          await untilAborted(signal);
          return {};
        },
      },
    );
    const { stdout, stderr } = await run(
      script(
        `import { existsSync } from 'node:fs'; setInterval(() => existsSync(${JSON.stringify(go)}) && process.exit(0), 50);`,
      ),
    );
    expect(inputs[0]?.request.handlerFollows).toBe(true);
    expect(stdout).not.toContain('nothing listens');
    expect(stderr.match(/warning: Nothing listens on 127\.0\.0\.1:9000 yet/g)).toHaveLength(1);
  });

  it('leaves where it cannot be started', async () => {
    const { left } = await serveIntercept();
    expect(await run('intercept shop -- /nowhere/handler')).toMatchObject({ code: 1 });
    expect(left).toHaveLength(1);
  });
});

describe('leave', () => {
  it.each(['leave', 'detach'])('by the name %s ends an intercept', async (word) => {
    const { left } = await serveIntercept();
    expect(await run(`${word} shop`)).toEqual({ code: 0, stdout: 'Left shop\n', stderr: '' });
    expect(left).toEqual([{ name: 'shop' }]);
    expect(json(await run(`${word} shop --output json`))).toMatchObject({ name: 'shop' });
  });
});

describe('an intercept of this laptop', () => {
  const handlers = {
    listWorkloads: async () => ({ workloads: [workload('shop', 'intercepted', ['dev@laptop']), workload('web', 'installed')] }),
  };

  it('is in the list, with its block', async () => {
    await serve(
      handlers,
      stateWith({ ...engagement, state: { kind: 'waiting', since: '', reason: { code: 'internal', message: 'no pod' } } }),
    );
    const { stdout } = await run('list --debug');
    expect(stdout).toContain('deployment shop: intercepted\n  Intercept name         : shop\n');
    expect(stdout).toContain('  State                  : WAITING: no pod\n');
    expect(stdout).toContain('  ID                     : session-1:shop\n');
    expect((await run('list -i')).stdout).not.toContain('web');
    expect((await run('list -t')).stdout).toContain('No Workloads');
    expect(json(await run('list --output json'))).toMatchObject([
      { name: 'shop', intercept_infos: [{ name: 'shop', disposition: 'WAITING', message: 'no pod' }] },
      { name: 'web', intercept_infos: [] },
    ]);
  });

  it('is in the status', async () => {
    await serve({}, stateWith(engagement));
    expect((await run('status')).stdout).toContain('  - shop: shop http -> 127.0.0.1:9000 (ACTIVE)\n');
    expect(json(await run('status --output json'))).toMatchObject({
      user_daemon: { intercepts: [{ name: 'shop', client: 'dev@laptop' }] },
    });
  });
});
