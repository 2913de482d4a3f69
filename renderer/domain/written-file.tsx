import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import { callApp, useBridge } from '../api/app-bridge.ts';
import { texts } from '../texts/en.ts';
import { CopyButton } from '../ui/copy-button.tsx';
import { inBackground } from './connection-actions.ts';

const words = texts.shell;

/** A file that was just written: its path, what there is to say of it, and the ways on. */
export function WrittenFile({
  file,
  onClose,
  children,
}: {
  readonly file: string;
  readonly onClose: () => void;
  readonly children?: ReactNode;
}) {
  const hasBridge = useBridge(({ port }) => port !== undefined);
  return (
    <>
      <span className="ui-command">
        <code>{file}</code>
        <CopyButton text={file} label={words.copyPath} />
      </span>
      {children}
      <div className="ui-row">
        <Button onClick={onClose}>{words.close}</Button>
        {hasBridge && (
          <Button variant="default" onClick={() => inBackground(callApp('showItem', { path: file }))}>
            {words.showInFolder}
          </Button>
        )}
      </div>
    </>
  );
}
