import { Button, Checkbox, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction, useAnswer } from '../../api/use-call.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { pathIn } from '../../domain/path-in.ts';
import { WrittenFile } from '../../domain/written-file.tsx';
import { texts } from '../../texts/en.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Loading } from '../../ui/page.tsx';

const words = texts.traffic;

/** Writes the requests that the filter shows into an HTTP archive. */
export function TrafficExport({
  isOpen,
  onClose,
  use,
  entries,
}: {
  readonly isOpen: boolean;
  readonly onClose: () => void;
  readonly use: string;
  readonly entries: readonly TrafficEntry[];
}) {
  return (
    <Dialog isOpen={isOpen} onClose={onClose} title={words.exportTitle} size="lg" closeLabel={texts.shell.close}>
      {isOpen && <Export use={use} entries={entries} onClose={onClose} />}
    </Dialog>
  );
}

function Export({
  use,
  entries,
  onClose,
}: {
  readonly use: string;
  readonly entries: readonly TrafficEntry[];
  readonly onClose: () => void;
}) {
  // What comes while one chooses is not what one saw.
  const [ids] = useState(() => entries.flatMap(({ kind, id }) => (kind === 'request' ? [id] : [])));
  const [result, setResult] = useState<CallOutput<'exportTraffic'>>();
  const home = useAnswer('listFolders', {});
  if (result !== undefined) return <Result result={result} onClose={onClose} />;
  if (home.output === undefined && home.isLoading) return <Loading label={words.exportTitle} rows={4} />;
  return <Choices use={use} ids={ids} home={home.output?.directory} onDone={setResult} onClose={onClose} />;
}

function Choices({
  use,
  ids,
  home,
  onDone,
  onClose,
}: {
  readonly use: string;
  readonly ids: readonly number[];
  readonly home: string | undefined;
  readonly onDone: (result: CallOutput<'exportTraffic'>) => void;
  readonly onClose: () => void;
}) {
  const hasBridge = useBridge(({ port }) => port !== undefined);
  const [name] = useState(() => `telepresence-traffic-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.har`);
  const [file, setFile] = useState(home === undefined ? '' : pathIn(home, name));
  const [reveal, setReveal] = useState(false);
  const isFileRight = /^(\/|[A-Za-z]:[\\/]).*\.har$/.test(file);
  const save = useAction(async () => onDone(await callDaemon('exportTraffic', { use, ids: [...ids], reveal, outputFile: file })));
  const chooseFolder = async () => {
    const { directory } = await callApp('chooseFolder', { title: words.exportTitle });
    if (directory !== undefined) setFile(pathIn(directory, name));
  };
  return (
    <form
      className="ui-stack"
      onSubmit={(event) => {
        event.preventDefault();
        void save.run();
      }}
    >
      <p className="tp-dim">{words.exportDetail(ids.length)}</p>
      <p>{words.exportRedacted}</p>
      <Checkbox
        label={words.exportReveal}
        description={words.exportRevealHint}
        checked={reveal}
        onChange={({ currentTarget }) => setReveal(currentTarget.checked)}
      />
      <TextInput
        label={words.exportFile}
        description={words.exportFileHint}
        value={file}
        onChange={({ currentTarget }) => setFile(currentTarget.value)}
        error={file === '' || isFileRight ? undefined : words.exportFileWrong}
      />
      {save.error !== undefined && <ErrorNotice title={words.exportFailed} error={save.error} />}
      <div className="ui-row">
        <Button type="submit" loading={save.isRunning} disabled={!isFileRight}>
          {words.exportSave}
        </Button>
        {hasBridge && (
          <Button variant="default" onClick={() => inBackground(chooseFolder())}>
            {words.exportFolder}
          </Button>
        )}
        <Button variant="default" onClick={onClose}>
          {words.exportCancel}
        </Button>
      </div>
    </form>
  );
}

function Result({
  result: { file, entries, missing },
  onClose,
}: {
  readonly result: CallOutput<'exportTraffic'>;
  readonly onClose: () => void;
}) {
  return (
    <div className="ui-stack">
      <p role="status">{words.exportDone(entries)}</p>
      {missing > 0 && <p className="tp-dim">{words.exportMissing(missing)}</p>}
      <WrittenFile file={file} onClose={onClose} />
    </div>
  );
}
