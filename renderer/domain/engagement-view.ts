import type { LogSource } from '#protocol/local-api/log-api.ts';
import type { Engagement } from '#protocol/local-api/model.ts';
import type { Shape, Tone } from '../ui/shape.tsx';

/** Shapes of an engagement's states; the word stands beside it. */
export const engagementShapes: Readonly<Record<Engagement['state']['kind'], { readonly shape: Shape; readonly tone: Tone }>> = {
  preparing: { shape: 'dots', tone: 'accent' },
  active: { shape: 'solid', tone: 'good' },
  waiting: { shape: 'half', tone: 'warn' },
  ended: { shape: 'cross', tone: 'bad' },
};

/** Its id in the daemon's state. */
export function engagementKey({ connection, name }: Pick<Engagement, 'connection' | 'name'>): string {
  return `${connection}/${name}`;
}

/** The log of its handler; of its agent, where the handler is not one that Telepresence runs. */
export function engagementLog({ name, process, namespace, podName }: Engagement): LogSource {
  if (process !== undefined || podName === undefined) return { kind: 'handler', engagement: name };
  return { kind: 'agent', namespace, pod: podName };
}

/** A request that reaches the workload as others in the cluster do; undefined where no Service leads to it over TCP. */
export function curlCommand({ ports, namespace }: Pick<Engagement, 'ports' | 'namespace'>): string | undefined {
  const service = ports.find((port) => port.protocol === 'TCP' && port.service !== undefined)?.service;
  return service === undefined ? undefined : `curl http://${service.name}.${namespace}:${service.port}/`;
}

/** `127.0.0.1:8080`, with brackets around an IPv6 address. */
export function laptopEndpoint(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
