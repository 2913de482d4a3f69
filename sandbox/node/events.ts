import type { KubeObject } from '../store/objects.ts';
import { kubeTime } from '../store/objects.ts';
import { resources } from '../store/resources.ts';
import type { ObjectStore } from '../store/store.ts';

/** Writes Events about objects; what happens again is counted. */
export type RecordEvent = (about: KubeObject, event: RecordedEvent) => void;

export interface RecordedEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
  /** Of a container: `spec.containers{web}`. */
  readonly fieldPath?: string;
}

/** How long an event stays. */
const eventTtlMs = 3_600_000;
const maxKnown = 1_000;

export function eventRecorder(store: ObjectStore, component: string, host?: string): RecordEvent {
  const known = new Map<string, { readonly name: string; readonly at: number }>();
  return (about, { type, reason, message, fieldPath }) => {
    const { name, namespace = 'default', uid, resourceVersion } = about.metadata;
    const key = JSON.stringify([uid, reason, message, fieldPath]);
    const now = kubeTime(new Date());
    const former = known.get(key);
    if (former !== undefined && store.get(resources.events, namespace, former.name) !== undefined) {
      store.patch(resources.events, namespace, former.name, (event) => ({
        ...event,
        count: Number(event['count'] ?? 1) + 1,
        lastTimestamp: now,
      }));
      return;
    }
    const event = {
      metadata: {
        name: `${name}.${(BigInt(Date.now()) * 1_000_000n + BigInt(Math.floor(Math.random() * 1e6))).toString(16)}`,
        namespace,
      },
      involvedObject: {
        apiVersion: about.apiVersion,
        kind: about.kind,
        name,
        ...(about.metadata.namespace === undefined ? {} : { namespace }),
        uid,
        resourceVersion,
        ...(fieldPath === undefined ? {} : { fieldPath }),
      },
      type,
      reason,
      message,
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    };
    // Its namespace may be on its way out: events are never worth a failure.
    try {
      known.set(key, { name: store.create(resources.events, event).metadata.name, at: Date.now() });
    } catch {
      return;
    }
    forgetOld(store, known);
  };
}

function forgetOld(store: ObjectStore, known: Map<string, { readonly name: string; readonly at: number }>): void {
  for (const [key, { at }] of known) {
    if (known.size <= maxKnown && Date.now() - at < eventTtlMs) break;
    known.delete(key);
  }
  const limit = Date.now() - eventTtlMs;
  for (const { metadata, ...event } of store.list(resources.events).slice(0, 50)) {
    if (Date.parse(String(event['lastTimestamp'])) < limit) store.remove(resources.events, metadata.namespace, metadata.name);
  }
}
