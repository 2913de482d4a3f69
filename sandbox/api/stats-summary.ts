import type { PodUsage } from '../node/node-api.ts';

/** What a kubelet answers to `stats/summary`, as far as somebody looks at it here: memory and processor time of pods. */
export function statsSummary(nodeName: string, usage: readonly PodUsage[]): object {
  const time = new Date().toISOString();
  return {
    node: { nodeName },
    pods: usage.map(({ pod, memoryBytes, cpuSeconds }) => ({
      podRef: pod,
      memory: { time, rssBytes: memoryBytes, workingSetBytes: memoryBytes },
      cpu: { time, usageCoreNanoSeconds: Math.round(cpuSeconds * 1e9) },
    })),
  };
}
