import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import type { ManagerLog } from '../manager-log.ts';

export interface LogSource {
  readonly kube: KubeClient;
  readonly namespace: string;
  readonly podName: string;
  readonly log: ManagerLog;
}

export interface CollectedLogs {
  readonly podLogs: Record<string, string>;
  readonly podYaml: Record<string, string>;
  readonly errMsg: string;
}

/** Below gRPC's default limit of 4 MiB for a message. */
const maxLogBytes = 3 * 1024 * 1024;

/** The traffic-manager's own log and, on demand, its pod: from the API server, else what the process itself remembers. */
export async function collectLogs(source: LogSource, withYaml: boolean): Promise<CollectedLogs> {
  const { kube, namespace, podName, log } = source;
  const key = `${podName === '' ? 'traffic-manager' : podName}.${namespace}`;
  if (podName === '') return { podLogs: { [key]: log.recentText }, podYaml: {}, errMsg: '' };
  const path = `/api/v1/namespaces/${namespace}/pods/${podName}`;
  try {
    const text = await kube.requestText({
      method: 'GET',
      path: `${path}/log`,
      query: { limitBytes: maxLogBytes, timestamps: false },
    });
    return { podLogs: { [key]: text }, podYaml: withYaml ? { [key]: await podYaml(kube, path) } : {}, errMsg: '' };
  } catch (error) {
    if (!(error instanceof KubeStatusError)) throw error;
    // Without the right to read logs, what the process remembers is the newest part of the same.
    return { podLogs: { [key]: log.recentText }, podYaml: {}, errMsg: withYaml ? error.message : '' };
  }
}

async function podYaml(kube: KubeClient, path: string): Promise<string> {
  const pod = await kube.request<{ readonly metadata?: Record<string, unknown> }>({ method: 'GET', path });
  const { managedFields: _managedFields, ...metadata } = pod.metadata ?? {};
  // Rarely asked for, so not in memory before.
  const { stringify } = await import('yaml');
  return stringify({ ...pod, metadata });
}
