import { ActionIcon, Button, TextInput } from '@mantine/core';
import { IconEye, IconEyeOff } from '@tabler/icons-react';
import { useState } from 'react';
import type { Engagement } from '#protocol/local-api/model.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { useAction } from '../../api/use-call.ts';
import { exactly } from '../../domain/connection-view.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { CopyButton } from '../../ui/copy-button.tsx';
import { Section } from '../../ui/page.tsx';
import { environmentFormats, formatEnvironment } from './environment-format.ts';

const words = texts.engagements;
const mask = '••••••••';
const searchFrom = 12;

/** The container's environment: read when it is asked for, masked until it is revealed, kept nowhere. */
export function EnvironmentSection({ engagement }: { readonly engagement: Engagement }) {
  const [environment, setEnvironment] = useState<Readonly<Record<string, string>>>();
  const read = useAction(async () => {
    const { environment: found } = await callDaemon('readEnvironment', {
      use: exactly({ name: engagement.connection }),
      name: engagement.name,
    });
    setEnvironment(found);
  });
  return (
    <Section
      title={words.environment}
      actions={
        environment === undefined ? (
          <Button variant="default" loading={read.isRunning} onClick={() => void read.run()}>
            {words.showEnvironment}
          </Button>
        ) : (
          <Button variant="default" onClick={() => setEnvironment(undefined)}>
            {words.hideEnvironment}
          </Button>
        )
      }
    >
      {read.error !== undefined && <ErrorNotice title={words.environmentFailed} error={read.error} />}
      {environment === undefined ? <p className="tp-dim">{words.environmentHint}</p> : <Variables environment={environment} />}
    </Section>
  );
}

function Variables({ environment }: { readonly environment: Readonly<Record<string, string>> }) {
  const [revealed, setRevealed] = useState<ReadonlySet<string>>(new Set());
  const [filter, setFilter] = useState('');
  const all = Object.entries(environment).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const shown = all.filter(([name]) => name.toLowerCase().includes(filter.toLowerCase()));
  const isAllRevealed = all.length > 0 && all.every(([name]) => revealed.has(name));
  const toggle = (name: string) => {
    const next = new Set(revealed);
    if (!next.delete(name)) next.add(name);
    setRevealed(next);
  };
  if (all.length === 0) return <p className="tp-dim">{words.environmentEmpty}</p>;
  return (
    <div className="ui-stack">
      <div className="ui-row">
        {all.length >= searchFrom && (
          <TextInput
            aria-label={words.environmentFilter}
            placeholder={words.environmentFilter}
            value={filter}
            onChange={(event) => setFilter(event.currentTarget.value)}
          />
        )}
        <Button variant="default" onClick={() => setRevealed(isAllRevealed ? new Set() : new Set(all.map(([name]) => name)))}>
          {isAllRevealed ? words.hideAll : words.revealAll}
        </Button>
        <span className="ui-page-actions">
          <span className="tp-dim">{words.copyAs}</span>
          {environmentFormats.map((format) => (
            <CopyButton
              key={format}
              text={formatEnvironment(environment, format)}
              label={words.copyFormat(words.formats[format])}
            >
              {words.formats[format]}
            </CopyButton>
          ))}
        </span>
      </div>
      {shown.length === 0 ? (
        <p className="tp-dim">{words.environmentNoMatch}</p>
      ) : (
        <div className="engagement-variables" role="group" aria-label={words.variables} tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th scope="col">{words.variable}</th>
                <th scope="col">{words.value}</th>
                <th scope="col">
                  <span className="tp-hidden">{texts.workloads.actions}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map(([name, value]) => {
                const isRevealed = revealed.has(name);
                const label = isRevealed ? words.hide(name) : words.reveal(name);
                return (
                  <tr key={name}>
                    <th scope="row">
                      <code>{name}</code>
                    </th>
                    <td>
                      {isRevealed ? (
                        <code>{value}</code>
                      ) : (
                        <>
                          <span aria-hidden className="tp-dim">
                            {mask}
                          </span>
                          <span className="tp-hidden">{words.hiddenValue}</span>
                        </>
                      )}
                    </td>
                    <td>
                      <ActionIcon size={24} aria-label={label} title={label} onClick={() => toggle(name)}>
                        {isRevealed ? <IconEyeOff size={14} aria-hidden /> : <IconEye size={14} aria-hidden />}
                      </ActionIcon>
                      <CopyButton text={value} label={words.copyValue(name)} />
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </div>
  );
}
