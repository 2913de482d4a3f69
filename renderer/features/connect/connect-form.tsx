import { Autocomplete, Button, SegmentedControl, TagsInput, TextInput } from '@mantine/core';
import type { CallOutput } from '#protocol/local-api/local-api.ts';
import { connectCommand } from '../../domain/command-line.ts';
import { CommandLine } from '../../domain/command-lines.tsx';
import { selectDaemon, selectPreferences, useMirror } from '../../stores/mirror.ts';
import { useView } from '../../stores/view.ts';
import { texts } from '../../texts/en.ts';
import { Disclosure } from '../../ui/disclosure.tsx';
import { Section } from '../../ui/page.tsx';
import {
  type ConnectDraft,
  canConnect,
  changeDraft,
  draftRequest,
  isKubeName,
  type SubnetField,
  useConnectDraft,
  wrongSubnet,
} from './connect-draft.ts';
import { startConnect } from './connect-run.ts';
import { ManagerNotice } from './manager-notice.tsx';
import { probe, useProbes } from './probes.ts';

type Context = CallOutput<'listContexts'>['contexts'][number];

const words = texts.connect;

/** What to connect to, and how. */
export function ConnectForm({ context }: { readonly context: Context }) {
  const draft = useConnectDraft();
  const change = useView(({ place }) => (place?.page === 'connect' ? place.change : undefined));
  const found = useProbes((probes) => probes.byContext[context.name]);
  const hasRootless = useMirror((mirror) => selectDaemon(mirror)?.capabilities.includes('rootless') === true);
  const defaultMode = useMirror((mirror) => selectPreferences(mirror)?.defaultMode ?? 'host');
  const mode = hasRootless ? (draft.mode ?? defaultMode) : 'host';
  const request = draftRequest({ ...draft, context: context.name }, mode);
  const command = connectCommand(request);
  const namespaces = found?.state === 'known' ? found.found.namespaces : [];
  const contextNamespace = context.namespace === '' ? 'default' : context.namespace;
  const submit = () => {
    if (canConnect(draft))
      void startConnect(request, `${context.name} · ${draft.namespace === '' ? contextNamespace : draft.namespace}`);
  };
  return (
    <Section title={words.target}>
      <form
        className="ui-card ui-stack"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <p className="connect-target">
          <strong className="tp-cut">{context.name}</strong>
          <span className="tp-dim tp-mono tp-cut">{context.server}</span>
        </p>
        <ManagerNotice context={context.name} found={found} />
        <Autocomplete
          label={words.namespace}
          description={words.namespaceHint}
          placeholder={words.namespacePlaceholder(contextNamespace)}
          data={namespaces}
          limit={200}
          maxDropdownHeight={240}
          value={draft.namespace}
          onChange={(namespace) => changeDraft({ namespace })}
          error={draft.namespace === '' || isKubeName(draft.namespace) ? undefined : words.invalidNamespace}
        />
        {hasRootless && (
          <div>
            <span className="connect-label">{words.mode}</span>
            <SegmentedControl
              aria-label={words.mode}
              value={mode}
              onChange={(value) => changeDraft({ mode: value === 'rootless' ? 'rootless' : 'host' })}
              data={[
                { value: 'host', label: words.modeHost },
                { value: 'rootless', label: words.modeRootless },
              ]}
            />
            <p className="tp-dim connect-hint">{mode === 'host' ? words.modeHostHint : words.modeRootlessHint}</p>
          </div>
        )}
        <Disclosure key={JSON.stringify(change)} label={words.advanced} isOpenAtFirst={hasAdvanced({ ...draft, ...change })}>
          <TextInput
            label={words.managerNamespace}
            value={draft.managerNamespace}
            onChange={(event) => changeDraft({ managerNamespace: event.currentTarget.value.trim() })}
            onBlur={() => void probe(context.name, draft.managerNamespace)}
            error={draft.managerNamespace === '' || isKubeName(draft.managerNamespace) ? undefined : words.invalidNamespace}
          />
          <TagsInput
            label={words.mappedNamespaces}
            description={words.mappedNamespacesHint}
            placeholder={words.addValue}
            data={namespaces}
            value={draft.mappedNamespaces}
            onChange={(mappedNamespaces) => changeDraft({ mappedNamespaces })}
            error={draft.mappedNamespaces.every(isKubeName) ? undefined : words.invalidNamespace}
          />
          <SubnetInput field="alsoProxy" label={words.alsoProxy} hint={words.alsoProxyHint} />
          <SubnetInput field="neverProxy" label={words.neverProxy} hint={words.neverProxyHint} />
          <SubnetInput field="allowConflictingSubnets" label={words.allowConflicting} hint={words.allowConflictingHint} />
          <SubnetInput field="vnat" label={words.vnat} hint={words.vnatHint} />
        </Disclosure>
        <div className="connect-submit">
          <Button type="submit" disabled={!canConnect(draft)}>
            {words.connect}
          </Button>
          <CommandLine command={command} />
        </div>
      </form>
    </Section>
  );
}

/** What is filled in already is seen. */
function hasAdvanced({ managerNamespace, mappedNamespaces, ...lists }: ConnectDraft): boolean {
  const { alsoProxy, neverProxy, allowConflictingSubnets, vnat } = lists;
  const all = [mappedNamespaces, alsoProxy, neverProxy, allowConflictingSubnets, vnat];
  return managerNamespace !== '' || all.some(({ length }) => length > 0);
}

function SubnetInput({ field, label, hint }: { readonly field: SubnetField; readonly label: string; readonly hint: string }) {
  const values = useConnectDraft((draft) => draft[field]);
  const wrong = wrongSubnet(values, field);
  return (
    <TagsInput
      label={label}
      description={hint}
      placeholder={words.addValue}
      value={values}
      splitChars={[',', ' ']}
      acceptValueOnBlur
      onChange={(next) => changeDraft({ [field]: next })}
      error={wrong === undefined ? undefined : words.invalidSubnet(wrong)}
    />
  );
}
