import { describe, expect, it } from 'vitest';
import { creationTrouble, type PodObject, podProgress } from './pod-trouble.ts';

type Status = NonNullable<PodObject['status']>;
const pod = (status: Status): PodObject => ({ metadata: { name: 'traffic-manager-x' }, status });
const waiting = (reason: string, message?: string) =>
  pod({ containerStatuses: [{ state: { waiting: { reason, ...(message === undefined ? {} : { message }) } } }] });

describe('what keeps a pod from becoming ready', () => {
  it('waits after the first failed pull and gives up when the kubelet backs off', () => {
    expect(podProgress(waiting('ErrImagePull', 'no such host'), []).trouble).toEqual({ reason: 'ErrImagePull: no such host' });
    expect(podProgress(waiting('ImagePullBackOff', 'Back-off'), []).trouble).toEqual({
      reason: 'ImagePullBackOff: Back-off',
      finalAfterMs: 0,
    });
  });

  it('waits for a node until the deadline, since one may be on its way', () => {
    const unschedulable = pod({ conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes are available' }] });
    expect(podProgress(unschedulable, [])).toEqual({
      stage: 'no node has room for its pod yet',
      trouble: { reason: 'FailedScheduling: 0/1 nodes are available' },
    });
  });

  it('says how a crashing container ended', () => {
    const status: Status = {
      containerStatuses: [
        { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } },
      ],
    };
    expect(podProgress(pod(status), []).trouble).toEqual({
      reason: 'CrashLoopBackOff: the container ended with exit code 137 (OOMKilled)',
      finalAfterMs: 0,
      hasLog: true,
    });
  });

  it('names the step of a healthy start', () => {
    expect(podProgress(waiting('ContainerCreating'), []).stage).toBe('its pod is being created');
    expect(podProgress(waiting('ContainerCreating'), [{ reason: 'Pulling', type: 'Normal' }]).stage).toBe(
      'its image is being pulled',
    );
    expect(podProgress(pod({ containerStatuses: [{ state: { running: {} } }] }), [])).toEqual({ stage: 'it has started' });
  });

  it('has the newest warning ready for the deadline', () => {
    const events = [
      { type: 'Warning', reason: 'FailedMount', message: 'old' },
      { type: 'Warning', reason: 'Unhealthy', message: 'Readiness probe failed' },
    ];
    const progress = podProgress(pod({ containerStatuses: [{ state: { running: {} } }] }), events);
    expect(progress.trouble).toEqual({ reason: 'Unhealthy: Readiness probe failed', hasLog: true });
  });

  it('takes the word of a ReplicaSet that may not create its pod', () => {
    const message = 'pods "x" is forbidden: exceeded quota';
    expect(creationTrouble([{ type: 'ReplicaFailure', status: 'True', message }])?.reason).toBe(message);
    expect(creationTrouble([{ type: 'ReplicaFailure', status: 'False' }])).toBeUndefined();
  });
});
