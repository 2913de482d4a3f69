import { Radio } from '@mantine/core';
import { useAnswer } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { State } from '../../ui/shape.tsx';
import { changeDraft, type Launcher, useInterceptDraft } from './intercept-draft.ts';

const words = texts.intercept;
const settleMs = 250;

/** Ways to start a program that are written down in the folder. */
export function LauncherField({ error }: { readonly error: string | undefined }) {
  const directory = useInterceptDraft((draft) => draft.directory);
  const chosen = useInterceptDraft((draft) => draft.launcher);
  const found = useAnswer(
    'findLaunchers',
    directory.startsWith('/') || /^[A-Za-z]:/.test(directory) ? { directory } : undefined,
    settleMs,
  );
  if (directory === '') return null;
  if (found.isLoading)
    return (
      <State shape="dots" tone="accent">
        {words.launchersLoading}
      </State>
    );
  if (found.error !== undefined) return <ErrorNotice error={found.error} />;
  const launchers: readonly Launcher[] = found.output?.launchers ?? [];
  if (found.output !== undefined && launchers.length === 0) return <p className="tp-dim">{words.launchersEmpty}</p>;
  return (
    <Radio.Group
      label={words.launchers}
      value={chosen === undefined ? '' : idOf(chosen)}
      onChange={(id) => changeDraft({ launcher: launchers.find((launcher) => idOf(launcher) === id) })}
      error={error}
    >
      <div className="intercept-choices intercept-launchers">
        {launchers.map((launcher) => (
          <Radio
            key={idOf(launcher)}
            value={idOf(launcher)}
            disabled={launcher.problem !== undefined}
            label={
              <>
                <strong>{launcher.name}</strong> <span className="tp-dim">{words.launcherKinds[launcher.kind]}</span>
              </>
            }
            description={launcher.problem ?? <code>{launcher.command}</code>}
          />
        ))}
      </div>
    </Radio.Group>
  );
}

function idOf({ kind, name, directory }: Launcher): string {
  return `${kind} ${name} ${directory}`;
}
