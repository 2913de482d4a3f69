import { ActionIcon, Button } from '@mantine/core';
import { IconPin, IconPinFilled, IconX } from '@tabler/icons-react';
import type { RecentConnection } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { connectCommand } from '../../domain/command-line.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { ageText } from '../../domain/time-text.ts';
import { selectRecents, useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Section } from '../../ui/page.tsx';
import { useNow } from '../../ui/use-now.ts';
import { startConnect } from './connect-run.ts';

const words = texts.connect;
/** Pinned ones are all shown. */
const maxShown = 5;

/** Connections of before: one click away. */
export function Recents() {
  const recents = useMirror(selectRecents);
  const now = useNow(30_000);
  const all = Object.entries(recents).toSorted(
    ([, a], [, b]) => Number(b.pinned) - Number(a.pinned) || b.lastUsed.localeCompare(a.lastUsed),
  );
  if (all.length === 0) return null;
  const pinned = all.filter(([, { pinned: isPinned }]) => isPinned).length;
  return (
    <Section title={words.recents}>
      <ul className="connect-recents">
        {all.slice(0, Math.max(maxShown, pinned)).map(([id, recent]) => (
          <Recent key={id} id={id} recent={recent} now={now} />
        ))}
      </ul>
    </Section>
  );
}

function Recent({ id, recent, now }: { readonly id: string; readonly recent: RecentConnection; readonly now: number }) {
  const { request, context, namespace, lastUsed, pinned } = recent;
  const name = `${context} · ${namespace}`;
  const command = connectCommand(request);
  const change = (action: 'pin' | 'unpin' | 'forget') => inBackground(callDaemon('changeRecent', { id, action }));
  return (
    <li className="connect-recent">
      <ActionIcon
        aria-label={pinned ? words.unpin(name) : words.pin(name)}
        aria-pressed={pinned}
        onClick={() => change(pinned ? 'unpin' : 'pin')}
      >
        {pinned ? <IconPinFilled size={15} aria-hidden /> : <IconPin size={15} aria-hidden />}
      </ActionIcon>
      <span className="tp-cut">
        <strong>{context}</strong>
        <span className="tp-dim"> · {namespace}</span>
        {request.mode === 'rootless' && <span className="tp-dim"> · {words.modes.rootless}</span>}
      </span>
      <span className="tp-dim tp-number">{words.lastUsed(ageText(lastUsed, now))}</span>
      <Button variant="default" aria-label={words.connectTo(name)} onClick={() => void startConnect(request, name)}>
        {words.connect}
      </Button>
      <CopyButton text={command} label={texts.shell.copyCommand(command)} />
      <ActionIcon aria-label={words.forget(name)} onClick={() => change('forget')}>
        <IconX size={15} aria-hidden />
      </ActionIcon>
    </li>
  );
}
