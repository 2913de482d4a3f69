import { Menu } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconArrowRight, IconDots, IconPlayerPlay } from '@tabler/icons-react';
import { Fragment } from 'react';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { canOpenPodShell, showNewTerminal } from '../../domain/open-terminal.ts';
import { workloadAddresses, workloadShells } from '../../domain/workload-view.ts';
import { useMirror } from '../../stores/mirror.ts';
import { openPlace } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { IconButton } from '../../ui/icon-button.tsx';
import { RowMenu } from '../../ui/row-menu.tsx';
import type { ShownWorkload } from './filter-workloads.ts';

const words = texts.workloads;

/** What can be done with a workload. The button of the first one says what it would restart. */
export function WorkloadActions({ row }: { readonly row: ShownWorkload }) {
  const { workload, mine } = row;
  return (
    <>
      {mine === undefined ? (
        <IconButton aria-label={words.interceptNamed(workload.name)} title={restartText(row)} onClick={() => openIntercept(row)}>
          <IconPlayerPlay size={16} aria-hidden />
        </IconButton>
      ) : (
        <IconButton
          aria-label={words.openEngagement(workload.name)}
          onClick={() => openPlace({ page: 'engagements', engagement: `${mine.connection}/${mine.name}` })}
        >
          <IconArrowRight size={16} aria-hidden />
        </IconButton>
      )}
      <RowMenu label={words.more(workload.name)} icon={<IconDots size={16} aria-hidden />}>
        {() => <MenuItems row={row} />}
      </RowMenu>
    </>
  );
}

export function openIntercept({ key }: Pick<ShownWorkload, 'key'>): void {
  openPlace({ page: 'intercept', workload: key });
}

function MenuItems({ row }: { readonly row: ShownWorkload }) {
  const clipboard = useClipboard();
  const isInApp = useBridge(({ port }) => port !== undefined);
  const addresses = workloadAddresses(row);
  const canOpenShell = useMirror(canOpenPodShell);
  const connection = useCurrentConnection()?.name;
  const { name, namespace } = row.workload;
  const open = (url: string) => {
    if (isInApp) inBackground(callApp('openExternal', { url }));
    else window.open(url, '_blank', 'noopener,noreferrer');
  };
  return (
    <>
      <Menu.Item onClick={() => openIntercept(row)}>
        {words.intercept}
        <span className="workload-consequence tp-dim">{restartText(row)}</span>
      </Menu.Item>
      <Menu.Item onClick={() => openPlace({ page: 'logs', workload: { namespace, name } })}>{words.logs}</Menu.Item>
      {canOpenShell &&
        workloadShells(row).map(({ container, command }, _index, all) => (
          <Menu.Item key={container} onClick={() => inBackground(showNewTerminal({ connection, command, title: name }))}>
            {all.length === 1 ? words.shell : words.shellIn(container)}
          </Menu.Item>
        ))}
      {addresses.length > 0 && <Menu.Divider />}
      {addresses.map(({ address, isHttp }) => (
        <Fragment key={address}>
          <Menu.Item onClick={() => clipboard.copy(address)}>{words.copyAddress(address)}</Menu.Item>
          {isHttp && <Menu.Item onClick={() => open(`http://${address}/`)}>{words.openBrowser(`http://${address}/`)}</Menu.Item>}
        </Fragment>
      ))}
    </>
  );
}

/** What an intercept would restart, as far as the list knows; the wizard asks the cluster. */
function restartText({ workload, details }: ShownWorkload): string {
  if (workload.agent !== 'none') return words.interceptNoRestart;
  return details === undefined ? words.interceptMayRestart : words.interceptRestarts(details.pods.length);
}
