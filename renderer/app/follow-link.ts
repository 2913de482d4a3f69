import type { DeepLink } from '#protocol/app-bridge/deep-link.ts';
import { inBackground, resumeConnection } from '../domain/connection-actions.ts';
import type { LinkTarget } from '../domain/link-target.ts';
import { chooseConnection, openPlace, useView } from '../stores/view.ts';
import { linkPlaceText } from './link-text.ts';

/** Does what the person said yes to. An intercept is only filled in: its wizard asks once more. */
export function followLink(link: DeepLink, target: LinkTarget): void {
  if (link.kind === 'intercept') {
    const { kind: _kind, ...interceptLink } = link;
    useView.setState({ interceptLink });
  }
  if (target.kind === 'there') {
    const { connection } = target;
    chooseConnection(connection.name);
    if (connection.state.kind === 'paused') inBackground(resumeConnection(connection));
    openPlace({ page: link.kind });
    return;
  }
  openPlace({ page: 'connect' });
  inBackground(startConnect(target));
}

/** With the steps of the page. It opens the wizard when it is done. */
async function startConnect(target: Extract<LinkTarget, { kind: 'elsewhere' }>): Promise<void> {
  const run = await import('../features/connect/connect-run.ts');
  await run.startConnect(target.request, linkPlaceText(target));
}
