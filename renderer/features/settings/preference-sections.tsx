import { Button, SegmentedControl, Switch } from '@mantine/core';
import { useEffect, useState } from 'react';
import type { AppCallOutput } from '#protocol/app-bridge/app-bridge.ts';
import type { Preferences } from '#protocol/local-api/model.ts';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { selectDaemon, useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';
import { Section } from '../../ui/page.tsx';

const words = texts.settings;

/** A person's choices, which every window shares. */
export function PreferenceSections({ preferences }: { readonly preferences: Preferences }) {
  const hasRootless = useMirror((mirror) => selectDaemon(mirror)?.capabilities.includes('rootless') === true);
  const app = useAppDescription();
  const change = useAction((changed: Partial<Preferences>) => callDaemon('setPreferences', { change: changed }));
  const toggle = (
    name: 'startAtLogin' | 'startHidden' | 'notifyConnection' | 'notifyEngagement' | 'notifyHandler' | 'checkForUpdates',
    description?: string,
  ) => (
    <Switch
      label={words[name]}
      {...(description === undefined ? {} : { description })}
      checked={preferences[name]}
      onChange={({ currentTarget }) => void change.run({ [name]: currentTarget.checked })}
    />
  );
  return (
    <>
      {change.error !== undefined && <ErrorNotice title={words.failed} error={change.error} />}
      <Section title={words.appearance}>
        <Choice
          label={words.theme}
          value={preferences.theme}
          data={(['system', 'light', 'dark', 'contrast'] as const).map((value) => ({ value, label: words.themes[value] }))}
          onChange={(theme) => void change.run({ theme })}
        />
      </Section>
      {hasRootless && (
        <Section title={words.connecting}>
          <Choice
            label={words.defaultMode}
            hint={words.modeHints[preferences.defaultMode]}
            value={preferences.defaultMode}
            data={(['host', 'rootless'] as const).map((value) => ({ value, label: words.modes[value] }))}
            onChange={(defaultMode) => void change.run({ defaultMode })}
          />
        </Section>
      )}
      {app !== undefined && (
        <Section title={words.start}>
          <div className="ui-stack">
            {toggle('startAtLogin')}
            {toggle('startHidden', app.hasTray ? words.startHiddenHint : words.startHiddenNoTray)}
          </div>
        </Section>
      )}
      <Section title={words.notifications}>
        <div className="ui-stack">
          {toggle('notifyConnection')}
          {toggle('notifyEngagement')}
          {toggle('notifyHandler')}
        </div>
      </Section>
      {app === undefined ? (
        <p className="tp-dim settings-note">{words.startBrowser}</p>
      ) : (
        <Section title={words.updates}>
          {app.canUpdate ? <Updates>{toggle('checkForUpdates')}</Updates> : <p className="tp-dim">{words.updateUnsupported}</p>}
        </Section>
      )}
    </>
  );
}

function Choice<Value extends string>({
  label,
  hint,
  value,
  data,
  onChange,
}: {
  readonly label: string;
  readonly hint?: string;
  readonly value: Value;
  readonly data: { value: Value; label: string }[];
  readonly onChange: (value: Value) => void;
}) {
  return (
    <div className="settings-choice">
      <span>{label}</span>
      <SegmentedControl aria-label={label} value={value} data={data} onChange={onChange} />
      {hint !== undefined && <p className="tp-dim">{hint}</p>}
    </div>
  );
}

function Updates({ children }: { readonly children: React.ReactNode }) {
  const [found, setFound] = useState<AppCallOutput<'checkForUpdate'>>();
  const look = useAction(async () => setFound(await callApp('checkForUpdate', {})));
  return (
    <div className="ui-stack">
      {children}
      <div className="ui-row">
        <Button variant="default" loading={look.isRunning} onClick={() => void look.run()}>
          {words.checkNow}
        </Button>
        <span role="status">
          {found !== undefined && (found.version === undefined ? words.updateNone : words.updateFound(found.version))}
        </span>
      </div>
      {look.error !== undefined && <ErrorNotice error={look.error} />}
    </div>
  );
}

/** Undefined in a browser, and until the app has answered. */
function useAppDescription(): AppCallOutput<'describeApp'> | undefined {
  const port = useBridge((bridge) => bridge.port);
  const [app, setApp] = useState<AppCallOutput<'describeApp'>>();
  useEffect(() => {
    if (port === undefined) return;
    // An app that does not say what it can do is one whose switches are not shown.
    callApp('describeApp', {}).then(setApp, () => setApp(undefined));
  }, [port]);
  return port === undefined ? undefined : app;
}
