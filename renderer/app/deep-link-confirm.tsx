import { useEffect } from 'react';
import type { DeepLink } from '#protocol/app-bridge/deep-link.ts';
import { onAppEvent } from '../api/app-bridge.ts';
import { isLive } from '../domain/connection-view.ts';
import { useCurrentConnection } from '../domain/current-connection.ts';
import { linkTarget } from '../domain/link-target.ts';
import { useMirror } from '../stores/mirror.ts';
import { useView } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { ConfirmActions } from '../ui/confirm-actions.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Facts } from '../ui/page.tsx';
import { followLink } from './follow-link.ts';
import { linkFacts, linkSteps } from './link-text.ts';
import { openPage } from './open-page.ts';

const words = texts.shell;

/** What main asks of the page: a place to go to, or a link, which does nothing before the person has said so. */
export function DeepLinkConfirm() {
  const link = useView((view) => view.deepLink);
  useEffect(
    () =>
      onAppEvent((event) => {
        if (event.kind === 'deep-link') useView.setState({ deepLink: event.link });
        else if (event.kind === 'show-page') openPage(event);
      }),
    [],
  );
  const close = () => useView.setState({ deepLink: undefined });
  return (
    <Dialog isOpen={link !== undefined} onClose={close} title={words.linkTitle} closeLabel={words.close}>
      {link !== undefined && <Confirm link={link} onClose={close} />}
    </Dialog>
  );
}

function Confirm({ link, onClose }: { readonly link: DeepLink; readonly onClose: () => void }) {
  const chosen = useView((view) => view.connection);
  const mirror = useMirror();
  const current = useCurrentConnection();
  const target = linkTarget(link, mirror, chosen);
  const steps = linkSteps(link, target);
  return (
    <div className="ui-stack">
      {steps.length === 1 ? (
        <p>{steps[0]}</p>
      ) : (
        <ol className="app-link-steps">
          {steps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ol>
      )}
      <Facts facts={linkFacts(link, target)} />
      {target.kind === 'elsewhere' && current !== undefined && isLive(current) && (
        <p className="tp-dim">{words.linkStays(`${current.context} · ${current.namespace}`)}</p>
      )}
      <p className="tp-dim">{words.linkWarning}</p>
      <ConfirmActions
        doLabel={words.linkGo}
        cancelLabel={words.cancel}
        isDisabled={mirror.state === undefined}
        onConfirm={() => followLink(link, target)}
        onClose={onClose}
      />
    </div>
  );
}
