import type { Capability, Connection, Engagement } from '#protocol/local-api/model.ts';
import {
  commandUse,
  disconnectCommand,
  leaveCommand,
  pauseCommand,
  resumeCommand,
  shellLine,
  trafficCommand,
} from '../domain/command-line.ts';
import { disconnect, inBackground, pauseConnection, resumeConnection } from '../domain/connection-actions.ts';
import { isLive } from '../domain/connection-view.ts';
import { copyText } from '../domain/copy-text.ts';
import { curlCommand, engagementKey, engagementLog } from '../domain/engagement-view.ts';
import { leaveUnlessUndone } from '../domain/leave-engagement.ts';
import { showNewTerminal } from '../domain/open-terminal.ts';
import { workloadAddresses, workloadShells } from '../domain/workload-view.ts';
import { chooseConnection, openPlace } from '../stores/view.ts';
import type { WorkloadRow } from '../stores/workloads.ts';
import { texts } from '../texts/en.ts';

const words = texts.shell;

/** One line of the palette. Where the command line does the same, `description` is how. */
export interface PaletteEntry {
  readonly id: string;
  readonly label: string;
  readonly description?: string;
  readonly onClick: () => void;
}

/** What can be done about a connection; `all`: those to choose from. */
export function connectionEntries(connection: Connection | undefined, all: readonly Connection[]): PaletteEntry[] {
  const entries: PaletteEntry[] = [];
  const use = commandUse(connection, all.length);
  if (connection === undefined || !isLive(connection)) {
    entries.push({ id: 'connect', label: words.connect, onClick: () => openPlace({ page: 'connect' }) });
  } else {
    if (connection.state.kind === 'paused') {
      entries.push({
        id: 'resume',
        label: words.resume,
        description: resumeCommand(use),
        onClick: () => inBackground(resumeConnection(connection)),
      });
    } else {
      for (const { minutes, label } of pauses) {
        entries.push({
          id: `pause${minutes}`,
          label,
          description: pauseCommand(minutes, use),
          onClick: () => inBackground(pauseConnection(connection, minutes)),
        });
      }
    }
    entries.push({
      id: 'disconnect',
      label: words.disconnect,
      description: disconnectCommand(use),
      onClick: () => inBackground(disconnect(connection)),
    });
  }
  for (const { name } of all) {
    if (name === connection?.name) continue;
    entries.push({ id: `connection ${name}`, label: words.showConnection(name), onClick: () => chooseConnection(name) });
  }
  return entries;
}

/** What can be done about an engagement. */
export function engagementEntries(
  engagement: Engagement,
  use: string | undefined,
  capabilities: readonly Capability[],
): PaletteEntry[] {
  const key = engagementKey(engagement);
  const { connection, name, state } = engagement;
  const curl = curlCommand(engagement);
  return [
    {
      id: `leave ${key}`,
      label: words.leave(name),
      description: leaveCommand(name, use),
      onClick: () => leaveUnlessUndone(engagement),
    },
    ...(curl === undefined
      ? []
      : [{ id: `curl ${key}`, label: words.copyCurl(name), description: curl, onClick: () => copyText(curl) }]),
    {
      id: `log ${key}`,
      label: words.logsOf(name),
      onClick: () => openPlace({ page: 'logs', source: engagementLog(engagement) }),
    },
    ...(capabilities.includes('traffic')
      ? [
          {
            id: `traffic ${key}`,
            label: words.trafficOf(name),
            description: trafficCommand(name, use),
            onClick: () => {
              chooseConnection(connection);
              openPlace({ page: 'traffic', engagement: name });
            },
          },
        ]
      : []),
    ...(capabilities.includes('terminal') && state.kind === 'active'
      ? [
          {
            id: `terminal ${key}`,
            label: words.terminalWith(name),
            onClick: () => inBackground(showNewTerminal({ connection, engagement: name })),
          },
        ]
      : []),
  ];
}

/** What can be done with a workload. */
export function workloadEntries(row: WorkloadRow, connection: string | undefined, canOpenShell: boolean): PaletteEntry[] {
  const { key, workload } = row;
  const { kind, name, namespace } = workload;
  const description = `${kind} · ${namespace}`;
  const shells = canOpenShell ? workloadShells(row) : [];
  return [
    {
      id: `workload ${key}`,
      label: words.interceptWorkload(name),
      description,
      onClick: () => openPlace({ page: 'intercept', workload: key }),
    },
    {
      id: `logs ${key}`,
      label: words.logsOf(name),
      description,
      onClick: () => openPlace({ page: 'logs', workload: { namespace, name } }),
    },
    ...shells.map(({ container, command }) => ({
      id: `shell ${key} ${container}`,
      label: words.shellIn(name, shells.length === 1 ? '' : container),
      description: shellLine(command),
      onClick: () => inBackground(showNewTerminal({ connection, command, title: name })),
    })),
    ...workloadAddresses(row).map(({ address }) => ({
      id: `address ${key} ${address}`,
      label: words.copyAddress(address),
      description,
      onClick: () => copyText(address),
    })),
  ];
}

const pauses = [
  { minutes: 15, label: words.pause15 },
  { minutes: 60, label: words.pause60 },
] as const;
