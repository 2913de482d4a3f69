import { Radio } from '@mantine/core';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction, useAnswer } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { HelperFacts } from '../../domain/helper-facts.tsx';
import { selectDaemon, selectPreferences, useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';

const words = texts.onboarding;

/** Why a part of it runs as root, what that part does, and the way without. */
export function HelperStep() {
  const helper = useAnswer('describeHelper', {});
  const hasRootless = useMirror((mirror) => selectDaemon(mirror)?.capabilities.includes('rootless') === true);
  const mode = useMirror((mirror) => selectPreferences(mirror)?.defaultMode ?? 'host');
  const change = useAction((defaultMode: 'host' | 'rootless') => callDaemon('setPreferences', { change: { defaultMode } }));
  return (
    <>
      <h3 className="welcome-title">{words.helperTitle}</h3>
      {hasRootless && (
        <Radio.Group
          label={words.modeTitle}
          value={mode}
          onChange={(value) => void change.run(value === 'rootless' ? 'rootless' : 'host')}
        >
          <div className="welcome-modes">
            {(['host', 'rootless'] as const).map((value) => (
              <Radio key={value} value={value} label={words.modes[value]} description={words.modeHints[value]} />
            ))}
          </div>
        </Radio.Group>
      )}
      {change.error !== undefined && <ErrorNotice error={change.error} />}
      {/* It stays where it is when the other mode is chosen: one reads it to choose. */}
      <section aria-label={words.helperDetails} className="welcome-helper">
        <HelperFacts answer={helper} />
      </section>
    </>
  );
}
