import { NumberInput, Radio, Select, TagsInput, Textarea, TextInput } from '@mantine/core';
import { envSyntaxes } from '#protocol/local-api/env-syntaxes.ts';
import { selectDaemon, useMirror } from '../../stores/mirror.ts';
import { texts } from '../../texts/en.ts';
import { Disclosure } from '../../ui/disclosure.tsx';
import { FolderField } from './folder-field.tsx';
import { changeDraft, type HandlerKind, handlerKinds, useInterceptDraft } from './intercept-draft.ts';
import { type DraftContext, effectivePort, type Problems } from './intercept-request.ts';
import { LauncherField } from './launcher-field.tsx';
import { PortCheck } from './port-check.tsx';

const words = texts.intercept;

/** Where the traffic goes: a port of this laptop, and who listens there. */
export function WhereStep({ context, problems }: { readonly context: DraftContext; readonly problems: Problems }) {
  const draft = useInterceptDraft();
  const canRun = useMirror((mirror) => selectDaemon(mirror)?.capabilities.includes('handler-command') === true);
  const kind: HandlerKind = canRun ? draft.handler : 'port';
  const port = effectivePort(draft, context.row);
  return (
    <>
      {canRun && (
        <Radio.Group label={words.handler} value={kind} onChange={(value) => changeDraft({ handler: value })}>
          <div className="intercept-choices">
            {handlerKinds.map((each) => (
              <Radio
                key={each}
                value={each}
                label={<strong>{words.handlerKinds[each]}</strong>}
                description={words.handlerHints[each]}
                data-autofocus={each === kind ? true : undefined}
              />
            ))}
          </div>
        </Radio.Group>
      )}
      {kind === 'command' && (
        <TextInput
          label={words.command}
          description={words.commandHint}
          value={draft.command}
          onChange={(event) => changeDraft({ command: event.currentTarget.value })}
          error={problems.command}
          classNames={{ input: 'tp-mono' }}
        />
      )}
      {kind !== 'port' && <FolderField error={problems.directory} />}
      {kind === 'folder' && <LauncherField error={problems.launcher} />}
      <div>
        <NumberInput
          label={words.laptopPort}
          value={port ?? ''}
          onChange={(value) => changeDraft({ laptopPort: typeof value === 'number' ? value : Number.parseInt(value, 10) || 0 })}
          error={problems.laptopPort}
          allowDecimal={false}
          allowNegative={false}
          clampBehavior="none"
          hideControls
          w={160}
        />
        <PortCheck port={port} address={draft.address} isForCommand={kind !== 'port'} />
      </div>
      {kind !== 'port' && (
        <Textarea
          label={words.environment}
          description={words.environmentHint}
          value={draft.environment}
          onChange={(event) => changeDraft({ environment: event.currentTarget.value })}
          error={problems.environment}
          autosize
          minRows={2}
          maxRows={8}
          classNames={{ input: 'tp-mono' }}
        />
      )}
      <More problems={problems} />
    </>
  );
}

function More({ problems }: { readonly problems: Problems }) {
  const draft = useInterceptDraft();
  return (
    <Disclosure label={words.more} isOpenAtFirst={draft.address !== '' || draft.envFile !== '' || draft.toPod.length > 0}>
      <TextInput
        label={words.address}
        description={words.addressHint}
        placeholder="127.0.0.1"
        value={draft.address}
        onChange={(event) => changeDraft({ address: event.currentTarget.value.trim() })}
        error={problems.address}
      />
      <TextInput
        label={words.envFile}
        description={words.envFileHint}
        value={draft.envFile}
        onChange={(event) => changeDraft({ envFile: event.currentTarget.value })}
        error={problems.envFile}
      />
      {draft.envFile !== '' && (
        <Select
          label={words.envSyntax}
          data={[...envSyntaxes]}
          value={draft.envSyntax}
          onChange={(value) => changeDraft({ envSyntax: value ?? 'docker' })}
          allowDeselect={false}
        />
      )}
      <TagsInput
        label={words.toPod}
        description={words.toPodHint}
        value={draft.toPod}
        splitChars={[',', ' ']}
        acceptValueOnBlur
        onChange={(toPod) => changeDraft({ toPod })}
        error={problems.toPod}
      />
    </Disclosure>
  );
}
