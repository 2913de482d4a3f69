import { Button } from '@mantine/core';
import { useEffect } from 'react';
import type { Connection } from '#protocol/local-api/model.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { fitsLink } from '../../domain/link-target.ts';
import { forgetInterceptLink, type InterceptLink, useView } from '../../stores/view.ts';
import { useWorkloads } from '../../stores/workloads.ts';
import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';
import { changeDraft, chooseWorkload } from './intercept-draft.ts';
import { forgetRun, useInterceptRun } from './intercept-run.ts';

const words = texts.intercept;

/** Fills in what a link says, as soon as its workload is there. */
export function useInterceptLink(): void {
  const link = useView((view) => view.interceptLink);
  const connection = useCurrentConnection();
  const key = useWorkloads(({ connection: ofConnection, isLoaded, rows }) => {
    if (link === undefined || connection === undefined || ofConnection !== connection.name || !isLoaded) return undefined;
    if (!fitsLink(link, connection)) return undefined;
    return [...rows.values()].find(
      ({ workload }) => workload.name === link.workload && workload.namespace === (link.namespace ?? connection.namespace),
    )?.key;
  });
  useEffect(() => {
    if (link === undefined || key === undefined) return;
    // A failure of before is of no interest to who comes by a link.
    if (useInterceptRun.getState().run?.state === 'failed') forgetRun();
    forgetInterceptLink();
    fillIn(key, link);
  }, [link, key]);
}

/** That the workload of a link is not there, and why. */
export function LinkNotice({ connection }: { readonly connection: Connection }) {
  const link = useView((view) => view.interceptLink);
  if (link === undefined) return null;
  const { workload, context = connection.context, namespace = connection.namespace } = link;
  return (
    <Notice
      severity="warning"
      title={words.linkWaits(workload)}
      reason={
        fitsLink(link, connection) ? words.linkWaitsWorkload(namespace) : words.linkWaitsConnection(`${context} · ${namespace}`)
      }
      actions={
        <Button variant="default" onClick={forgetInterceptLink}>
          {words.linkForget}
        </Button>
      }
      copyLabel={texts.shell.copyCommand}
    />
  );
}

function fillIn(workload: string, { service, container, port }: InterceptLink): void {
  chooseWorkload(workload);
  const [laptopPort, identifier] = port?.split(':') ?? [];
  changeDraft({
    step: 'what',
    tried: [],
    ...(container === undefined ? {} : { container }),
    ...(laptopPort === undefined ? {} : { laptopPort: Number(laptopPort) }),
    ...(identifier === undefined && service === undefined
      ? {}
      : { port: undefined, portWish: { identifier, service }, portText: identifier ?? '' }),
  });
}
