import { Button, Checkbox, Modal, SegmentedControl, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction, useAnswer } from '../../api/use-call.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { bytesText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Loading } from '../../ui/page.tsx';

const words = texts.logs;

interface Choices {
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

const firstChoices: Choices = {
  user: true,
  root: true,
  manager: true,
  agents: 'all',
  agentsName: '',
  podYaml: false,
  anonymize: false,
  file: undefined,
};

/** Writes logs into a zip file: what goes in is chosen before, and listed after. */
export function ExportDialog({
  isOpen,
  onClose,
  use,
}: {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly use: string | undefined;
}) {
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={words.exportTitle}
      size="lg"
      closeButtonProps={{ 'aria-label': words.exportClose }}
      attributes={{ header: { role: 'none' } }}
    >
      {isOpen && <ExportForm use={use} onClose={onClose} />}
    </Modal>
  );
}

function ExportForm({ use, onClose }: { readonly use: string | undefined; readonly onClose: () => void }) {
  const [choices, setChoices] = useState(firstChoices);
  const [defaultName] = useState(() => `telepresence_logs-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.zip`);
  const [stage, setStage] = useState('');
  const [abort, setAbort] = useState<AbortController>();
  const [result, setResult] = useState<CallOutput<'gatherLogs'>>();
  const home = useAnswer('listFolders', {});
  const hasBridge = useBridge(({ port }) => port !== undefined);
  const isOn = use !== undefined;
  const change = (changed: Partial<Choices>) => setChoices((before) => ({ ...before, ...changed }));
  const separator = home.output?.directory.includes('\\') === true ? '\\' : '/';
  const file =
    choices.file ?? (home.output === undefined ? '' : `${home.output.directory.replace(/[\\/]$/, '')}${separator}${defaultName}`);
  const isFileRight = /^(\/|[A-Za-z]:[\\/]).*\.zip$/.test(file);
  const isAny = choices.user || choices.root || (isOn && (choices.manager || choices.agents !== 'none'));
  const run = useAction(async () => {
    const control = new AbortController();
    setAbort(control);
    setStage('');
    const { user, root, manager, agents, agentsName, podYaml, anonymize } = choices;
    const output = await callDaemon(
      'gatherLogs',
      {
        ...(use === undefined ? {} : { use }),
        outputFile: file,
        daemons: [...(user ? (['user'] as const) : []), ...(root ? (['root'] as const) : [])],
        trafficManager: isOn && manager,
        trafficAgents: !isOn ? 'none' : agents === 'some' ? agentsName : agents,
        anonymize,
        podYaml: isOn && podYaml,
      },
      { signal: control.signal, onEvent: (event) => setStage(event.stage) },
    );
    setResult(output);
  });
  if (result !== undefined) return <ExportResult result={result} onClose={onClose} />;
  if (home.output === undefined && home.isLoading) return <Loading label={words.exportTitle} rows={4} />;
  const chooseFolder = async () => {
    const { directory } = await callApp('chooseFolder', { title: words.exportTitle });
    if (directory !== undefined) change({ file: `${directory}${separator}${defaultName}` });
  };
  return (
    <form
      className="ui-stack"
      onSubmit={(event) => {
        event.preventDefault();
        void run.run();
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
      {run.error !== undefined && <ErrorNotice title={words.exportFailed} error={run.error} />}
      <div className="ui-row">
        <Button type="submit" loading={run.isRunning} disabled={!isAny || !isFileRight}>
          {words.exportStart}
        </Button>
        <Button variant="default" onClick={run.isRunning ? () => abort?.abort() : onClose}>
          {words.exportCancel}
        </Button>
        <span className="tp-dim tp-cut" role="status">
          {run.isRunning ? stage || words.exportRunning : isAny ? '' : words.exportNothing}
        </span>
      </div>
    </form>
  );
}

function ExportResult({
  result: { file, entries, problems },
  onClose,
}: {
  readonly result: CallOutput<'gatherLogs'>;
  readonly onClose: () => void;
}) {
  const hasBridge = useBridge(({ port }) => port !== undefined);
  return (
    <div className="ui-stack">
      <p>{words.exportDone}</p>
      <span className="ui-command">
        <code>{file}</code>
        <CopyButton text={file} label={words.exportCopy} />
      </span>
      {problems.length > 0 && (
        <Notice
          severity="warning"
          title={words.exportProblems(problems.length)}
          reason={problems.join('. ')}
          copyLabel={texts.shell.copyCommand}
        />
      )}
      <div className="logs-entries" role="region" aria-label={words.exportEntries} tabIndex={0}>
        <table>
          <thead>
            <tr>
              <th scope="col">{words.exportEntry}</th>
              <th scope="col">{words.exportSize}</th>
            </tr>
          </thead>
          <tbody>
            {entries.map(({ name, bytes }) => (
              <tr key={name}>
                <td className="tp-mono">{name}</td>
                <td className="tp-number">{bytesText(bytes)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div className="ui-row">
        <Button onClick={onClose}>{words.exportClose}</Button>
        {hasBridge && (
          <Button variant="default" onClick={() => inBackground(callApp('showItem', { path: file }))}>
            {words.exportShow}
          </Button>
        )}
      </div>
    </div>
  );
}
