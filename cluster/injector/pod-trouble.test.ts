import { describe, expect, it } from 'vitest';
import { podTrouble } from './pod-trouble.ts';
import type { PodStatus } from './pod-types.ts';

const trouble = (status: PodStatus) => podTrouble({ metadata: { name: 'shop-1' }, status });
const agentWaits = (reason: string, message?: string) =>
  trouble({
    containerStatuses: [
      { name: 'app', ready: true },
      { name: 'traffic-agent', ready: false, state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } },
    ],
  });

describe('trouble of a pod with an agent', () => {
  it('is none while it starts, or when only the app fails', () => {
    expect(trouble({})).toBeUndefined();
    expect(agentWaits('ContainerCreating')).toBeUndefined();
    expect(
      trouble({
        containerStatuses: [
          { name: 'app', ready: false, state: { waiting: { reason: 'CrashLoopBackOff' } } },
          { name: 'traffic-agent', ready: false, state: { running: {} } },
        ],
      }),
    ).toBeUndefined();
  });

  it('is an image that cannot be pulled, final when Kubernetes backs off', () => {
    expect(agentWaits('ErrImagePull', 'no such image')).toEqual({
      reason: 'traffic-agent of pod shop-1 does not start: ErrImagePull: no such image',
      isFinal: false,
    });
    expect(agentWaits('ImagePullBackOff', 'Back-off pulling image "x"')?.isFinal).toBe(true);
  });

  it('is an init container that fails, in its own words', () => {
    expect(
      trouble({
        initContainerStatuses: [
          {
            name: 'tel-agent-init',
            state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
            lastState: { terminated: { exitCode: 1, message: 'nft: Operation not permitted\n' } },
          },
        ],
        containerStatuses: [{ name: 'traffic-agent', state: { waiting: { reason: 'PodInitializing' } } }],
      }),
    ).toEqual({
      reason: 'tel-agent-init of pod shop-1 does not start: it ended with code 1: nft: Operation not permitted',
      isFinal: true,
    });
  });

  it('is a lack of nodes, which may pass', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1 nodes are available' }];
    expect(trouble({ conditions })).toEqual({
      reason: 'Pod shop-1 cannot be scheduled: 0/1 nodes are available',
      isFinal: false,
    });
  });
});
