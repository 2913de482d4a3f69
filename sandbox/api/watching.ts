import type { ServerResponse } from 'node:http';
import type { KubeObject } from '../store/objects.ts';
import { apiVersionOf, type Resource } from '../store/resources.ts';
import { expired } from '../store/status-error.ts';
import type { ListOptions, ObjectStore } from '../store/store.ts';

export interface WatchRequest extends ListOptions {
  readonly resource: Resource;
  readonly query: URLSearchParams;
  /** How an object is shown: itself, its metadata, or a row of a table. */
  readonly present: (object: KubeObject) => unknown;
}

/** The API server of Kubernetes sends a bookmark a minute; tests wait for them. */
const bookmarkMs = 5_000;

const defaultSeconds = 1_800;

/** Sends what happens, line by line, until the time is over or the client goes. @throws StatusError 410 */
export function streamWatch(store: ObjectStore, request: WatchRequest, response: ServerResponse): void {
  const { resource, query, present, namespace, labelSelector, fieldSelector } = request;
  const since = query.get('resourceVersion') ?? '';
  const wantsInitial = query.get('sendInitialEvents');
  const isFromNow = since === '' || since === '0';
  const hasInitialEvents = wantsInitial === null ? isFromNow : wantsInitial === 'true';
  const hasBookmarks = query.get('allowWatchBookmarks') === 'true';
  const send = (type: string, object: unknown) => response.write(`${JSON.stringify({ type, object })}\n`);
  const bookmark = (annotations?: Readonly<Record<string, string>>) =>
    send('BOOKMARK', {
      kind: resource.kind,
      apiVersion: apiVersionOf(resource),
      metadata: { resourceVersion: store.resourceVersion, creationTimestamp: null, ...(annotations && { annotations }) },
    });
  const begin = () => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' });
  };
  const stopWatching = store.watch(
    resource,
    {
      namespace,
      labelSelector,
      fieldSelector,
      hasInitialEvents,
      ...(isFromNow || hasInitialEvents ? {} : { sinceResourceVersion: since }),
    },
    ({ type, object }) => {
      begin();
      send(type, present(object));
    },
  );
  begin();
  response.flushHeaders();
  if (wantsInitial === 'true') bookmark({ 'k8s.io/initial-events-end': 'true' });
  const seconds = Number(query.get('timeoutSeconds') ?? defaultSeconds);
  const timers = [setTimeout(() => response.end(), seconds * 1000), ...(hasBookmarks ? [setInterval(bookmark, bookmarkMs)] : [])];
  const stopForgetting = store.onHistoryForgotten(() => {
    send('ERROR', expired(since).status);
    response.end();
  });
  response.once('close', () => {
    for (const timer of timers) clearTimeout(timer);
    stopForgetting();
    stopWatching();
  });
}
