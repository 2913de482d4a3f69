import { ActionIcon, Button } from '@mantine/core';
import { IconExternalLink, IconRefresh } from '@tabler/icons-react';
import type { DoctorCheckId } from '#protocol/local-api/doctor-checks.ts';
import type { DoctorCheck } from '#protocol/local-api/model.ts';
import { openLink } from '../../domain/open-link.ts';
import { remedyAction } from '../../domain/remedy-action.ts';
import { openPlace } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { type Shape, State, type Tone } from '../../ui/shape.tsx';

const words = texts.diagnose;

/** One check: sign and word, what was found, and what to do. A result of before stays while it is looked at again. */
export function CheckRow({
  id,
  check,
  state,
  canRun,
  onRun,
}: {
  readonly id: DoctorCheckId;
  readonly check: DoctorCheck | undefined;
  readonly state: 'running' | 'not-run' | 'known';
  readonly canRun: boolean;
  readonly onRun: () => void;
}) {
  const title = check?.title ?? words.checks[id];
  const sign = state === 'running' ? signs.running : check === undefined ? signs['not-run'] : signs[check.status];
  const word = state === 'running' ? words.running : check === undefined ? words.notRun : words.words[check.status];
  const needsHelper = id === 'helper' && (check?.status === 'fail' || check?.status === 'warn');
  return (
    <li className="diagnose-check" data-status={state === 'known' ? check?.status : state}>
      <span className="diagnose-state">
        <State shape={sign.shape} tone={sign.tone}>
          {word}
        </State>
      </span>
      <div className="diagnose-body">
        <h2>{title}</h2>
        <p className="tp-dim">{check?.reason}</p>
        {check !== undefined && (check.remedies.length > 0 || needsHelper) && state === 'known' && (
          <ul className="ui-remedies" aria-label={words.remedies}>
            {check.remedies.map((remedy) => (
              <RemedyLine key={`${remedy.label} ${remedy.command ?? remedy.link ?? ''}`} remedy={remedy} />
            ))}
            {needsHelper && (
              <li>
                <Button variant="default" onClick={() => openPlace({ page: 'settings', section: 'helper' })}>
                  {words.openHelper}
                </Button>
              </li>
            )}
          </ul>
        )}
      </div>
      <ActionIcon
        aria-label={words.runOne(title)}
        title={words.runOne(title)}
        disabled={!canRun}
        loading={state === 'running'}
        onClick={onRun}
      >
        <IconRefresh size={15} aria-hidden />
      </ActionIcon>
    </li>
  );
}

function RemedyLine({ remedy }: { readonly remedy: DoctorCheck['remedies'][number] }) {
  const { label, command, link } = remedy;
  const act = command === undefined ? undefined : remedyAction(command);
  return (
    <li>
      {link !== undefined ? (
        <Button
          variant="default"
          rightSection={<IconExternalLink size={13} aria-hidden />}
          aria-label={words.openLink(label)}
          onClick={() => openLink(link)}
        >
          {label}
        </Button>
      ) : act === undefined ? (
        <span>{label}</span>
      ) : (
        <Button variant="default" onClick={act}>
          {label}
        </Button>
      )}
      {command !== undefined && (
        <span className="ui-command">
          <code>{command}</code>
          <CopyButton text={command} label={texts.shell.copyCommand(command)} />
        </span>
      )}
    </li>
  );
}

const signs: Readonly<Record<DoctorCheck['status'] | 'running' | 'not-run', { readonly shape: Shape; readonly tone: Tone }>> = {
  pass: { shape: 'check', tone: 'good' },
  warn: { shape: 'triangle', tone: 'warn' },
  fail: { shape: 'cross', tone: 'bad' },
  'not-applicable': { shape: 'dash', tone: 'dim' },
  running: { shape: 'dots', tone: 'accent' },
  'not-run': { shape: 'hollow', tone: 'dim' },
};
