import { describe, expect, it } from 'vitest';
import { WorkloadEvent_Type, WorkloadInfo_Kind, WorkloadInfo_State } from '#protocol/cluster/generated/manager_pb.js';
import { addChange, type WorkloadChange } from './namespace-workloads.ts';
import { type WorkloadKind, type WorkloadObject, workloadFacts, workloadState } from './workload-state.ts';

const { DEPLOYMENT, REPLICASET, STATEFULSET, ROLLOUT } = WorkloadInfo_Kind;
const { AVAILABLE, PROGRESSING, FAILURE } = WorkloadInfo_State;
const ready = { replicas: 2, readyReplicas: 2, updatedReplicas: 2, availableReplicas: 2 };

describe('workload state', () => {
  it.each<[string, WorkloadKind, WorkloadObject, WorkloadInfo_State]>([
    [
      'all there',
      DEPLOYMENT,
      { spec: { replicas: 2 }, status: { ...ready, conditions: [{ type: 'Available', status: 'True' }] } },
      AVAILABLE,
    ],
    [
      'not enough',
      DEPLOYMENT,
      { spec: { replicas: 2 }, status: { ...ready, conditions: [{ type: 'Available', status: 'False' }] } },
      PROGRESSING,
    ],
    ['rolling', DEPLOYMENT, { spec: { replicas: 2 }, status: { ...ready, replicas: 3, updatedReplicas: 1 } }, PROGRESSING],
    [
      'unseen change',
      DEPLOYMENT,
      { metadata: { generation: 4 }, spec: { replicas: 2 }, status: { ...ready, observedGeneration: 3 } },
      PROGRESSING,
    ],
    [
      'past its deadline',
      DEPLOYMENT,
      { spec: { replicas: 2 }, status: { conditions: [{ type: 'Progressing', status: 'False' }] } },
      FAILURE,
    ],
    [
      'no pods allowed',
      REPLICASET,
      { spec: { replicas: 2 }, status: { conditions: [{ type: 'ReplicaFailure', status: 'True' }] } },
      FAILURE,
    ],
    ['all ready', REPLICASET, { spec: { replicas: 2 }, status: { replicas: 2, readyReplicas: 2 } }, AVAILABLE],
    ['scaled to none', STATEFULSET, { spec: { replicas: 0 }, status: {} }, AVAILABLE],
    ['one not ready', STATEFULSET, { spec: { replicas: 2 }, status: { ...ready, readyReplicas: 1 } }, PROGRESSING],
    ['its own word', ROLLOUT, { status: { phase: 'Degraded' } }, FAILURE],
  ])('%s', (_name, kind, object, state) => {
    expect(workloadState(kind, object)).toBe(state);
  });

  it('is of no interest for what belongs to another workload', () => {
    expect(workloadFacts(REPLICASET, { metadata: { name: 'web-1', ownerReferences: [{ controller: true }] } })).toBeUndefined();
    expect(workloadFacts(REPLICASET, { metadata: { name: 'web', namespace: 'shop' } })).toMatchObject({
      name: 'web',
      namespace: 'shop',
    });
  });
});

describe('changes for a slow reader', () => {
  const { ADDED_UNSPECIFIED: ADDED, MODIFIED, DELETED } = WorkloadEvent_Type;
  const change = (type: WorkloadEvent_Type, state = AVAILABLE): WorkloadChange => ({
    type,
    workload: { kind: DEPLOYMENT, name: 'web', namespace: 'shop', state },
  });

  it.each([
    ['added, then modified', [ADDED, MODIFIED], [ADDED]],
    ['added, then deleted', [ADDED, DELETED], []],
    ['modified twice', [MODIFIED, MODIFIED], [MODIFIED]],
    ['modified, then deleted', [MODIFIED, DELETED], [DELETED]],
    ['deleted, then added', [DELETED, ADDED], [MODIFIED]],
  ])('%s', (_name, types, expected) => {
    const changes = new Map<string, WorkloadChange>();
    for (const type of types) addChange(changes, change(type));
    expect([...changes.values()].map(({ type }) => type)).toEqual(expected);
  });

  it('carry the newest state', () => {
    const changes = new Map<string, WorkloadChange>();
    addChange(changes, change(ADDED, PROGRESSING));
    addChange(changes, change(MODIFIED, AVAILABLE));
    expect([...changes.values()]).toEqual([change(ADDED, AVAILABLE)]);
  });
});
