import { useShallow } from 'zustand/react/shallow';
import { CommandLine } from '../domain/command-lines.tsx';
import { inBackground } from '../domain/connection-actions.ts';
import { selectEngagements, useMirror } from '../stores/mirror.ts';
import { type AskedRemedy, useView } from '../stores/view.ts';
import { texts } from '../texts/en.ts';
import { ConfirmActions } from '../ui/confirm-actions.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { connectionOf, doRemedy } from './do-remedy.ts';

const words = texts.shell;

/** Asks before a button of a remedy ends or changes something. */
export function RemedyConfirm() {
  const remedy = useView((view) => view.remedy);
  const close = () => useView.setState({ remedy: undefined });
  return (
    <Dialog
      isOpen={remedy !== undefined}
      onClose={close}
      title={remedy === undefined ? '' : words.remedyTitles[remedy.kind]}
      closeLabel={words.close}
    >
      {remedy !== undefined && <Confirm remedy={remedy} onClose={close} />}
    </Dialog>
  );
}

function Confirm({ remedy, onClose }: { readonly remedy: AskedRemedy; readonly onClose: () => void }) {
  const left = useMirror(
    useShallow((mirror) =>
      Object.values(selectEngagements(mirror))
        .filter(({ connection }) => endsEngagements(remedy, connection))
        .map(({ name }) => name),
    ),
  );
  return (
    <div className="ui-stack">
      <p>{detailOf(remedy)}</p>
      {remedy.kind === 'upgrade' && remedy.values.length > 0 && <p>{words.remedyUpgradeValues(remedy.values.join(', '))}</p>}
      {left.length > 0 && <p className="tp-bad">{words.remedyLeaves(left.join(', '))}</p>}
      <CommandLine command={remedy.command} />
      <ConfirmActions
        doLabel={words.remedyDo[remedy.kind]}
        cancelLabel={words.cancel}
        onConfirm={() => inBackground(doRemedy(remedy))}
        onClose={onClose}
      />
    </div>
  );
}

function detailOf(remedy: AskedRemedy): string {
  const connection = connectionOf(remedy);
  const place = connection === undefined ? words.linkCurrent : `${connection.context} · ${connection.namespace}`;
  switch (remedy.kind) {
    case 'stop-daemon':
      return words.remedyStop;
    case 'disconnect':
      return words.remedyDisconnect(place);
    case 'reconnect':
      return words.remedyReconnect(place);
    default:
      return words.remedyUpgrade(connection?.context ?? words.linkCurrent);
  }
}

function endsEngagements(remedy: AskedRemedy, connection: string): boolean {
  if (remedy.kind === 'upgrade') return false;
  return remedy.kind === 'stop-daemon' || remedy.connection === connection;
}
