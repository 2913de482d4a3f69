import { Modal } from '@mantine/core';
import { useState } from 'react';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { useCommandUse } from '../../domain/command-lines.tsx';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { texts } from '../../texts/en.ts';
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
    <Modal
      opened={isOpen}
      onClose={onClose}
      title={words.exportTitle}
      size="lg"
      closeButtonProps={{ 'aria-label': words.exportClose }}
      attributes={{ header: { role: 'none' } }}
    >
      {isOpen && <ExportSteps use={use} onClose={onClose} />}
    </Modal>
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
