import { useState } from 'react';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { useCommandUse } from '../../domain/command-lines.tsx';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { texts } from '../../texts/en.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { ExportChoicesForm, type ExportPreview, firstExportChoices } from './export-choices.tsx';
import { ExportPreviewStep } from './export-preview.tsx';
import { ExportResult } from './export-result.tsx';

const words = texts.logs;

/** Writes logs into a zip file: what goes in is chosen, then looked at, and then written. */
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
    <Dialog isOpen={isOpen} onClose={onClose} title={words.exportTitle} size="lg" closeLabel={texts.shell.close}>
      {isOpen && <ExportSteps use={use} onClose={onClose} />}
    </Dialog>
  );
}

function ExportSteps({ use, onClose }: { readonly use: string | undefined; readonly onClose: () => void }) {
  const [choices, setChoices] = useState(firstExportChoices);
  const [preview, setPreview] = useState<ExportPreview>();
  const [result, setResult] = useState<CallOutput<'gatherLogs'>>();
  const connection = useCurrentConnection();
  const commandUse = useCommandUse(use === undefined ? undefined : connection);
  if (result !== undefined) return <ExportResult result={result} onClose={onClose} />;
  if (preview !== undefined) {
    return (
      <ExportPreviewStep preview={preview} commandUse={commandUse} onBack={() => setPreview(undefined)} onSaved={setResult} />
    );
  }
  return <ExportChoicesForm use={use} choices={choices} onChange={setChoices} onPreview={setPreview} onClose={onClose} />;
}
