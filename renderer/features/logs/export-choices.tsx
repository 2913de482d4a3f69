import { Button, Checkbox, SegmentedControl, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { CallInput, CallOutput } from '#protocol/local-api/local-api.ts';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAnswer } from '../../api/use-call.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { pathIn } from '../../domain/path-in.ts';
import { texts } from '../../texts/en.ts';
import { Loading } from '../../ui/page.tsx';
import { useStagedAction } from './use-staged-action.ts';

const words = texts.logs;

export interface ExportChoices {
  readonly user: boolean;
  readonly root: boolean;
  readonly manager: boolean;
  readonly agents: 'all' | 'none' | 'some';
  readonly agentsName: string;
  readonly podYaml: boolean;
  readonly anonymize: boolean;
  /** Undefined: in the person's folder. */
  readonly file: string | undefined;
}

export const firstExportChoices: ExportChoices = {
  user: true,
  root: true,
  manager: true,
  agents: 'all',
  agentsName: '',
  podYaml: false,
  anonymize: false,
  file: undefined,
};

/** What would be written, and where. */
export interface ExportPreview {
  readonly request: CallInput<'gatherLogs'>;
  readonly found: CallOutput<'previewLogs'>;
}

/** First step of an export: what goes in, and where to. */
export function ExportChoicesForm({
  use,
  choices,
  onChange,
  onPreview,
  onClose,
}: {
  readonly use: string | undefined;
  readonly choices: ExportChoices;
  readonly onChange: (choices: ExportChoices) => void;
  readonly onPreview: (preview: ExportPreview) => void;
  readonly onClose: () => void;
}) {
  const [defaultName] = useState(() => `telepresence_logs-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.zip`);
  const home = useAnswer('listFolders', {});
  const hasBridge = useBridge(({ port }) => port !== undefined);
  const isOn = use !== undefined;
  const change = (changed: Partial<ExportChoices>) => onChange({ ...choices, ...changed });
  const file = choices.file ?? (home.output === undefined ? '' : pathIn(home.output.directory, defaultName));
  const isFileRight = /^(\/|[A-Za-z]:[\\/]).*\.zip$/.test(file);
  const isAny = choices.user || choices.root || (isOn && (choices.manager || choices.agents !== 'none'));
  const read = useStagedAction(async (options) => {
    const wanted = wantedLogs(use, choices);
    const found = await callDaemon('previewLogs', wanted, options);
    onPreview({ request: { ...wanted, outputFile: file }, found });
  });
  if (home.output === undefined && home.isLoading) return <Loading label={words.exportTitle} rows={4} />;
  const chooseFolder = async () => {
    const { directory } = await callApp('chooseFolder', { title: words.exportTitle });
    if (directory !== undefined) change({ file: pathIn(directory, defaultName) });
  };
  return (
    <form
      className="ui-stack"
      onSubmit={(event) => {
        event.preventDefault();
        void read.run();
      }}
    >
      <p className="tp-dim">{words.exportDetail}</p>
      {!isOn && <p>{words.exportNotConnected}</p>}
      <Checkbox
        label={words.exportUser}
        checked={choices.user}
        onChange={({ currentTarget }) => change({ user: currentTarget.checked })}
      />
      <Checkbox
        label={words.exportRoot}
        checked={choices.root}
        onChange={({ currentTarget }) => change({ root: currentTarget.checked })}
      />
      {isOn && (
        <>
          <Checkbox
            label={words.exportManager}
            checked={choices.manager}
            onChange={({ currentTarget }) => change({ manager: currentTarget.checked })}
          />
          <div className="ui-row">
            <span>{words.exportAgents}</span>
            <SegmentedControl
              aria-label={words.exportAgents}
              value={choices.agents}
              onChange={(agents) => change({ agents })}
              data={[
                { value: 'all', label: words.exportAgentsAll },
                { value: 'none', label: words.exportAgentsNone },
                { value: 'some', label: words.exportAgentsSome },
              ]}
            />
            {choices.agents === 'some' && (
              <TextInput
                aria-label={words.exportAgentsName}
                placeholder={words.exportAgentsName}
                required
                value={choices.agentsName}
                onChange={({ currentTarget }) => change({ agentsName: currentTarget.value.trim() })}
              />
            )}
          </div>
          <Checkbox
            label={words.exportPodYaml}
            checked={choices.podYaml}
            onChange={({ currentTarget }) => change({ podYaml: currentTarget.checked })}
          />
        </>
      )}
      <Checkbox
        label={words.exportAnonymize}
        description={words.exportAnonymizeHint}
        checked={choices.anonymize}
        onChange={({ currentTarget }) => change({ anonymize: currentTarget.checked })}
      />
      <div className="logs-export-file">
        <TextInput
          label={words.exportFile}
          description={words.exportFileHint}
          value={file}
          onChange={({ currentTarget }) => change({ file: currentTarget.value })}
          error={file === '' || isFileRight ? undefined : words.exportFileWrong}
        />
        {hasBridge && (
          <Button variant="default" onClick={() => inBackground(chooseFolder())}>
            {words.exportFolder}
          </Button>
        )}
      </div>
      {read.error !== undefined && <ErrorNotice title={words.exportPreviewFailed} error={read.error} />}
      <div className="ui-row">
        <Button type="submit" loading={read.isRunning} disabled={!isAny || !isFileRight}>
          {words.exportPreview}
        </Button>
        <Button variant="default" onClick={read.isRunning ? read.cancel : onClose}>
          {words.exportCancel}
        </Button>
        <span className="tp-dim tp-cut" role="status">
          {read.isRunning ? read.stage || words.exportReading : isAny ? '' : words.exportNothing}
        </span>
      </div>
    </form>
  );
}

function wantedLogs(use: string | undefined, choices: ExportChoices): CallInput<'previewLogs'> {
  const { user, root, manager, agents, agentsName, podYaml, anonymize } = choices;
  const isOn = use !== undefined;
  return {
    ...(use === undefined ? {} : { use }),
    daemons: [...(user ? (['user'] as const) : []), ...(root ? (['root'] as const) : [])],
    trafficManager: isOn && manager,
    trafficAgents: !isOn ? 'none' : agents === 'some' ? agentsName : agents,
    anonymize,
    podYaml: isOn && podYaml,
  };
}
