import { Button, TextInput, Tooltip } from '@mantine/core';
import { IconRefresh, IconSearch } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import type { Answer } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { Empty, Loading, Section } from '../../ui/page.tsx';
import { State } from '../../ui/shape.tsx';
import { changeDraft, useConnectDraft } from './connect-draft.ts';
import { type Probe, probe, useProbes } from './probes.ts';

type Context = CallOutput<'listContexts'>['contexts'][number];

const words = texts.connect;
/** Fewer are seen at once. */
const searchFrom = 8;

/** Contexts of the kubeconfig, and how their clusters are. */
export function ContextList({
  contexts,
  chosen,
}: {
  readonly contexts: Answer<'listContexts'>;
  readonly chosen: string | undefined;
}) {
  const [filter, setFilter] = useState('');
  const managerNamespace = useConnectDraft((draft) => draft.managerNamespace);
  const all = useMemo(
    () =>
      (contexts.output?.contexts ?? []).toSorted((a, b) => Number(b.current) - Number(a.current) || a.name.localeCompare(b.name)),
    [contexts.output],
  );
  useEffect(() => {
    if (chosen !== undefined) void probe(chosen, useConnectDraft.getState().managerNamespace);
    // Another namespace of the traffic-manager is asked for when the field is left.
  }, [chosen]);
  const shown = all.filter(({ name, server }) => `${name} ${server}`.toLowerCase().includes(filter.toLowerCase()));
  const again = (
    <Button variant="default" leftSection={<IconRefresh size={14} aria-hidden />} onClick={contexts.again}>
      {words.readAgain}
    </Button>
  );
  return (
    <Section
      title={words.contexts}
      actions={
        <>
          {all.length > 1 && (
            <Tooltip label={words.checkAllHint} multiline w={260}>
              <Button variant="default" onClick={() => all.forEach(({ name }) => void probe(name, managerNamespace))}>
                {words.checkAll}
              </Button>
            </Tooltip>
          )}
          {all.length > 0 && again}
        </>
      }
    >
      {all.length >= searchFrom && (
        <TextInput
          className="connect-filter"
          aria-label={words.contextSearch}
          placeholder={words.contextSearch}
          leftSection={<IconSearch size={14} aria-hidden />}
          value={filter}
          onChange={(event) => setFilter(event.currentTarget.value)}
        />
      )}
      {contexts.error !== undefined && <ErrorNotice title={words.contextsFailed} error={contexts.error} actions={again} />}
      {contexts.output === undefined && contexts.isLoading && <Loading label={words.contextsLoading} rows={4} />}
      {contexts.output !== undefined && all.length === 0 && (
        <Empty title={words.contextsEmpty} actions={again}>
          {words.contextsEmptyDetail}
        </Empty>
      )}
      {all.length > 0 && shown.length === 0 && <p className="tp-dim">{words.contextsNoMatch}</p>}
      {shown.length > 0 && (
        <div className="connect-contexts" role="radiogroup" aria-label={words.contexts}>
          {shown.map((context) => (
            <ContextRow key={context.name} context={context} isChosen={context.name === chosen} />
          ))}
        </div>
      )}
    </Section>
  );
}

function ContextRow({ context, isChosen }: { readonly context: Context; readonly isChosen: boolean }) {
  const found = useProbes((probes) => probes.byContext[context.name]);
  return (
    <label className="connect-context" data-chosen={isChosen}>
      <input
        type="radio"
        name="context"
        checked={isChosen}
        aria-label={context.name}
        onChange={() => changeDraft({ context: context.name, namespace: '' })}
      />
      <span className="connect-context-name tp-cut">
        <strong className="tp-cut">{context.name}</strong>
        {context.current && <span className="tp-dim">{words.current}</span>}
      </span>
      <span className="tp-dim tp-cut tp-mono">{context.server}</span>
      <span className="connect-context-state">
        <Reachability found={found} />
      </span>
      <span className="connect-context-manager tp-dim tp-cut">{managerText(found)}</span>
    </label>
  );
}

export function Reachability({ found }: { readonly found: Probe | undefined }) {
  if (found === undefined)
    return (
      <State shape="hollow" tone="dim">
        {words.notChecked}
      </State>
    );
  if (found.state === 'checking')
    return (
      <State shape="dots" tone="accent">
        {words.checking}
      </State>
    );
  if (found.state === 'failed' || found.found.serverVersion === undefined) {
    return (
      <State shape="triangle" tone="bad">
        {words.unreachable}
      </State>
    );
  }
  const { roundTripMs } = found.found;
  return (
    <State shape="solid" tone="good">
      <span className="tp-number">{roundTripMs === undefined ? words.reachableOnly : words.reachable(roundTripMs)}</span>
    </State>
  );
}

function managerText(found: Probe | undefined): string {
  if (found?.state !== 'known' || found.found.serverVersion === undefined) return '';
  const { manager } = found.found;
  switch (manager.kind) {
    case 'ready':
      return words.managerReady(manager.version);
    case 'none':
      return words.managerNone;
    case 'not-ready':
      return words.managerNotReady;
    default:
      return words.managerUnknown;
  }
}
