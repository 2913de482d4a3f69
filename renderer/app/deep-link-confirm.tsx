import { Button, Modal } from '@mantine/core';
import { useEffect } from 'react';
import type { DeepLink } from '#protocol/app-bridge/deep-link.ts';
import { onAppEvent } from '../api/app-bridge.ts';
import { connect, inBackground } from '../domain/connection-actions.ts';
import { openPlace, useView } from '../stores/view.ts';
import { useWorkloads } from '../stores/workloads.ts';
import { texts } from '../texts/en.ts';

/** What main asks of the page: a place to go to, or a link, which does nothing before the person has said so. */
export function DeepLinkConfirm() {
  const link = useView((view) => view.deepLink);
  useEffect(
    () =>
      onAppEvent((event) => {
        if (event.kind === 'deep-link') useView.setState({ deepLink: event.link });
        else if (event.kind === 'show-page') {
          const { page, engagement } = event;
          if (page === 'engagements' && engagement !== undefined) openPlace({ page, engagement });
          else openPlace({ page });
        }
      }),
    [],
  );
  const close = () => useView.setState({ deepLink: undefined });
  return (
    <Modal
      opened={link !== undefined}
      onClose={close}
      title={texts.shell.linkTitle}
      closeButtonProps={{ 'aria-label': texts.shell.close }}
    >
      {link !== undefined && (
        <div className="ui-stack">
          <p>{describe(link)}</p>
          <p className="tp-dim">{texts.shell.linkWarning}</p>
          <div className="ui-row">
            <Button
              onClick={() => {
                follow(link);
                close();
              }}
            >
              {texts.shell.linkGo}
            </Button>
            <Button variant="default" data-autofocus onClick={close}>
              {texts.shell.cancel}
            </Button>
          </div>
        </div>
      )}
    </Modal>
  );
}

function describe(link: DeepLink): string {
  if (link.kind === 'intercept') return texts.shell.linkIntercept(link.workload);
  return texts.shell.linkConnect(link.context ?? texts.shell.linkCurrent, link.namespace ?? texts.shell.linkCurrent);
}

function follow(link: DeepLink): void {
  if (link.kind === 'connect') {
    const { context, namespace, managerNamespace } = link;
    openPlace({ page: 'connect' });
    inBackground(
      connect({
        kubeFlags: context === undefined ? {} : { context },
        ...(namespace === undefined ? {} : { namespace }),
        ...(managerNamespace === undefined ? {} : { managerNamespace }),
      }),
    );
    return;
  }
  const row = [...useWorkloads.getState().rows.values()].find(
    ({ workload }) => workload.name === link.workload && (link.namespace ?? workload.namespace) === workload.namespace,
  );
  openPlace(row === undefined ? { page: 'intercept' } : { page: 'intercept', workload: row.key });
}
