import { describe, expect, it } from 'vitest';
import type { WorkloadDetails } from '#protocol/local-api/model.ts';
import type { WorkloadRow } from '../../stores/workloads.ts';
import { type InterceptDraft, useInterceptDraft } from './intercept-draft.ts';
import { type DraftContext, draftRequest, parseEnvironment, stepProblems } from './intercept-request.ts';

const details: WorkloadDetails = {
  desired: 1,
  ready: 1,
  createdAt: '2026-01-01T00:00:00.000Z',
  containers: [{ name: 'app', image: 'app:1', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }] }],
  services: [{ name: 'cart', ports: [{ name: 'web', port: 80, targetPort: 'http', protocol: 'TCP' }] }],
  pods: [],
};

function rowOf(change: Partial<WorkloadRow> = {}): WorkloadRow {
  return {
    key: 'Deployment/cart.shop',
    workload: { kind: 'Deployment', name: 'cart', namespace: 'shop', state: 'available', agent: 'none', interceptedBy: [] },
    details,
    ...change,
  };
}

const context = (row: WorkloadRow | undefined = rowOf()): DraftContext => ({
  row,
  takenNames: ['taken'],
  connectedNamespace: 'shop',
});
const draftOf = (change: Partial<InterceptDraft> = {}): InterceptDraft => ({
  ...useInterceptDraft.getState(),
  workload: 'Deployment/cart.shop',
  ...change,
});

describe('a request of the wizard', () => {
  it('takes the only port, at the number that the container listens on', () => {
    expect(draftRequest(draftOf(), context())).toEqual({
      name: 'cart',
      ports: [{ laptopPort: 8080, identifier: 'web' }],
      toPod: [],
    });
  });

  it('names the workload where the engagement is called otherwise, the namespace where it is another, the Service where there are several', () => {
    const [service] = details.services;
    const several = { ...details, services: [...details.services, { name: 'admin', ports: service?.ports ?? [] }] };
    const request = draftRequest(draftOf({ name: 'mine', port: 'admin/web/TCP' }), {
      ...context(rowOf({ details: several })),
      connectedNamespace: 'default',
    });
    expect(request).toMatchObject({ name: 'mine', workload: 'cart', namespace: 'shop', service: 'admin' });
  });

  it('is not there while something is missing', () => {
    expect(draftRequest(draftOf({ workload: undefined }), context())).toBeUndefined();
    expect(draftRequest(draftOf({ handler: 'command' }), context())).toBeUndefined();
    expect(draftRequest(draftOf(), { ...context(), row: undefined })).toBeUndefined();
  });

  it('can be made without details: then the port is written, and the laptop has to be told its own where that is a name', () => {
    const bare = context(rowOf({ details: undefined }));
    expect(draftRequest(draftOf({ portText: '9000/UDP' }), bare)?.ports).toEqual([{ laptopPort: 9000, identifier: '9000/UDP' }]);
    expect(draftRequest(draftOf({ portText: 'http' }), bare)).toBeUndefined();
    expect(draftRequest(draftOf({ portText: 'http', laptopPort: 3000 }), bare)?.ports).toEqual([
      { laptopPort: 3000, identifier: 'http' },
    ]);
  });

  it('has the environment of a launcher, and what was added wins', () => {
    const launcher = {
      kind: 'npm-script',
      name: 'dev',
      command: 'npm run dev',
      directory: '/src',
      environment: { A: '1', B: '1' },
    } as const;
    const request = draftRequest(
      draftOf({ handler: 'folder', directory: '/src', launcher, environment: 'B=2\nC=x=y' }),
      context(),
    );
    expect(request?.handler).toEqual({ command: 'npm run dev', directory: '/src', environment: { A: '1', B: '2', C: 'x=y' } });
  });
});

describe('problems of a step', () => {
  it.each([
    ['what', { name: 'Bad Name' }, { name: 'Lower case letters, digits, dots and dashes' }],
    ['what', { name: 'taken' }, { name: 'You have an engagement of that name' }],
    ['where', { laptopPort: 0 }, { laptopPort: 'From 1 to 65535' }],
    ['where', { handler: 'command', command: 'x', directory: 'relative' }, { directory: 'A whole path, from the root' }],
    [
      'where',
      { handler: 'command', command: 'x', directory: '/a', environment: 'A=1\n2B' },
      { environment: 'Line 2 is not NAME=value' },
    ],
    ['where', { toPod: ['80', 'x'] }, { toPod: 'Numbers from 1 to 65535' }],
    ['where', { address: 'a b' }, { address: 'An address or a name' }],
  ] as const)('%s %j', (step, change, problems) => {
    expect(stepProblems(step, draftOf(change as Partial<InterceptDraft>), context())).toEqual(problems);
  });
});

it('reads variables, one a line', () => {
  expect(parseEnvironment('A=1\n\n B= two \n')).toEqual({ values: { A: '1', B: ' two ' }, problem: undefined });
});
