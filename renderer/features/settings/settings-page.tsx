import { ActionIcon, Button } from '@mantine/core';
import { IconFolder } from '@tabler/icons-react';
import { useEffect, useRef } from 'react';
import { callApp, useBridge } from '../../api/app-bridge.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAnswer } from '../../api/use-call.ts';
import { inBackground } from '../../domain/connection-actions.ts';
import { exactly, isLive } from '../../domain/connection-view.ts';
import { useCurrentConnection } from '../../domain/current-connection.ts';
import { HelperFacts } from '../../domain/helper-facts.tsx';
import { selectDaemon, selectPreferences, useMirror } from '../../stores/mirror.ts';
import { useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Facts, Loading, Page, Section } from '../../ui/page.tsx';
import { ConfigSection } from './config-section.tsx';
import { HelperService } from './helper-service.tsx';
import { PreferenceSections } from './preference-sections.tsx';

const words = texts.settings;

/** Choices of the person, the helper, and the configuration with where each value comes from. */
export function SettingsPage() {
  const preferences = useMirror(selectPreferences);
  const connection = useCurrentConnection();
  const isConnected = isLive(connection);
  const config = useAnswer('viewConfig', {
    clientOnly: !isConnected,
    ...(isConnected && connection !== undefined ? { use: exactly(connection) } : {}),
  });
  const helper = useAnswer('describeHelper', {});
  const section = useView(({ place }) => (place?.page === 'settings' ? place.section : undefined));
  const helperSection = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (section === 'helper') helperSection.current?.scrollIntoView({ block: 'start' });
  }, [section, helper.output, config.output]);
  return (
    <Page title={texts.shell.pages.settings}>
      <div className="settings">
        {preferences === undefined ? <Loading label={words.loading} /> : <PreferenceSections preferences={preferences} />}
        <div ref={helperSection}>
          <Section title={words.helper}>
            <HelperFacts answer={helper} />
          </Section>
          <HelperService onChange={helper.again} />
        </div>
        <Paths configFile={config.output?.configFile} logDirectory={config.output?.logDirectory} />
        <ConfigSection answer={config} isConnected={isConnected} />
        <Section title={words.welcome}>
          <Button variant="default" onClick={() => inBackground(callDaemon('setPreferences', { change: { isWelcomed: false } }))}>
            {words.welcomeAgain}
          </Button>
        </Section>
      </div>
    </Page>
  );
}

function Paths({
  configFile,
  logDirectory,
}: {
  readonly configFile: string | undefined;
  readonly logDirectory: string | undefined;
}) {
  const daemon = useMirror(selectDaemon);
  return (
    <Section title={words.paths}>
      <Facts
        facts={[
          ...(configFile === undefined ? [] : [[words.configFile, <Path key="config" path={configFile} />] as const]),
          ...(logDirectory === undefined ? [] : [[words.logDirectory, <Path key="logs" path={logDirectory} />] as const]),
          ...(daemon === undefined
            ? []
            : ([
                [words.daemonProgram, <Path key="daemon" path={daemon.executable} />],
                [
                  words.daemonPid,
                  <span key="pid" className="tp-number">
                    {daemon.pid}
                  </span>,
                ],
                [words.daemonVersion, daemon.version],
              ] as const)),
        ]}
      />
    </Section>
  );
}

function Path({ path }: { readonly path: string }) {
  const hasBridge = useBridge(({ port }) => port !== undefined);
  return (
    <span className="ui-row">
      <code>{path}</code>
      <CopyButton text={path} label={words.copyPath(path)} />
      {hasBridge && (
        <ActionIcon
          size={24}
          aria-label={words.showPath(path)}
          title={words.showPath(path)}
          onClick={() => inBackground(callApp('showItem', { path }))}
        >
          <IconFolder size={14} aria-hidden />
        </ActionIcon>
      )}
    </span>
  );
}
