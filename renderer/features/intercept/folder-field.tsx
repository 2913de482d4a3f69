import { Button, TextInput } from '@mantine/core';
import { IconFolder, IconFolderUp } from '@tabler/icons-react';
import { useState } from 'react';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { useAnswer } from '../../api/use-call.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { pathIn } from '../../domain/path-in.ts';
import { texts } from '../../texts/en.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Loading } from '../../ui/page.tsx';
import { changeDraft, useInterceptDraft } from './intercept-draft.ts';

const words = texts.intercept;

/** A folder of this laptop: typed, or chosen by the system's dialog, or by one of ours where a browser has none. */
export function FolderField({ error }: { readonly error: string | undefined }) {
  const directory = useInterceptDraft((draft) => draft.directory);
  const isInApp = useBridge(({ port }) => port !== undefined);
  const [isOpen, setOpen] = useState(false);
  const choose = (chosen: string) => changeDraft({ directory: chosen, launcher: undefined });
  const ask = async () => {
    const found = await callApp('chooseFolder', {
      title: words.chooseFolderTitle,
      ...(directory === '' ? {} : { directory }),
    });
    if (found.directory !== undefined) choose(found.directory);
  };
  return (
    <div className="intercept-folder">
      <TextInput
        label={words.directory}
        value={directory}
        onChange={(event) => choose(event.currentTarget.value)}
        error={error}
        classNames={{ input: 'tp-mono' }}
      />
      <Button variant="default" onClick={() => (isInApp ? inBackground(ask()) : setOpen(true))}>
        {words.chooseFolder}
      </Button>
      <Dialog isOpen={isOpen} onClose={() => setOpen(false)} title={words.chooseFolderTitle} closeLabel={texts.shell.close}>
        <FolderList
          start={directory}
          onChosen={(chosen) => {
            choose(chosen);
            setOpen(false);
          }}
        />
      </Dialog>
    </div>
  );
}

function FolderList({ start, onChosen }: { readonly start: string; readonly onChosen: (directory: string) => void }) {
  const [at, setAt] = useState(start);
  const { output, error, isLoading } = useAnswer('listFolders', at === '' ? {} : { directory: at });
  return (
    <div className="ui-stack">
      <div className="ui-row">
        <code className="tp-cut intercept-folder-path">{output?.directory ?? at}</code>
        <Button disabled={output === undefined} data-autofocus onClick={() => output !== undefined && onChosen(output.directory)}>
          {words.folderHere}
        </Button>
      </div>
      {error !== undefined && (
        <ErrorNotice
          error={error}
          actions={
            <Button variant="default" onClick={() => setAt('')}>
              {words.folderUp}
            </Button>
          }
        />
      )}
      {output === undefined && isLoading && <Loading label={words.folderLoading} rows={4} />}
      {output !== undefined && (
        <ul className="intercept-folders" aria-label={words.chooseFolderTitle}>
          {output.parent !== undefined && (
            <li>
              <button type="button" onClick={() => setAt(output.parent ?? '')}>
                <IconFolderUp size={16} aria-hidden /> {words.folderUp}
              </button>
            </li>
          )}
          {output.folders.map((name) => (
            <li key={name}>
              <button type="button" onClick={() => setAt(pathIn(output.directory, name))}>
                <IconFolder size={16} aria-hidden /> {name}
              </button>
            </li>
          ))}
          {output.folders.length === 0 && <li className="tp-dim intercept-folder-empty">{words.folderEmpty}</li>}
        </ul>
      )}
    </div>
  );
}
