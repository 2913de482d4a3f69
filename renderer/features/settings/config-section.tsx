import { ActionIcon, Button, Checkbox, Select, TextInput } from '@mantine/core';
import { IconPencil, IconRestore, IconSearch } from '@tabler/icons-react';
import { useState } from 'react';
import { AppError } from '#protocol/errors/app-error.ts';
import { callDaemon } from '../../api/daemon-session.ts';
import { type Answer, useAction } from '../../api/use-call.ts';
import { ErrorNotice } from '../../domain/error-notice.tsx';
import { texts } from '../../texts/en.ts';
import { Loading, Section } from '../../ui/page.tsx';
import { type ConfigSetting, editText, formOf, parseEdit, settingsOf } from './config-values.ts';

const words = texts.settings;
const levels = ['error', 'warn', 'info', 'debug', 'trace'];
const builtIn = 'built-in';

/** Every setting of the configuration, its value, and where that comes from. */
export function ConfigSection({ answer, isConnected }: { readonly answer: Answer<'viewConfig'>; readonly isConnected: boolean }) {
  const [filter, setFilter] = useState('');
  const [isChangedOnly, setChangedOnly] = useState(false);
  const { output, error } = answer;
  const all = output === undefined ? [] : settingsOf(output.config, output.sources);
  const wanted = filter.trim().toLowerCase();
  const shown = all.filter(
    ({ path, source }) => `${path} ${source}`.toLowerCase().includes(wanted) && !(isChangedOnly && source === builtIn),
  );
  return (
    <Section title={words.config}>
      <p className="tp-dim domain-prose">
        {words.configDetail} {!isConnected && words.configConnected}
      </p>
      <div className="ui-row settings-filter">
        <TextInput
          aria-label={words.configFilter}
          placeholder={words.configFilter}
          leftSection={<IconSearch size={14} aria-hidden />}
          value={filter}
          onChange={({ currentTarget }) => setFilter(currentTarget.value)}
        />
        <Checkbox
          label={words.configChanged}
          checked={isChangedOnly}
          onChange={({ currentTarget }) => setChangedOnly(currentTarget.checked)}
        />
      </div>
      {error !== undefined && (
        <ErrorNotice
          title={words.configFailed}
          error={error}
          actions={
            <Button variant="default" onClick={answer.again}>
              {texts.shell.retry}
            </Button>
          }
        />
      )}
      {output === undefined && error === undefined && <Loading label={words.loading} rows={8} />}
      {output !== undefined && shown.length === 0 && <p className="tp-dim">{words.configNone}</p>}
      {output !== undefined && shown.length > 0 && (
        <table className="settings-config">
          <thead>
            <tr>
              <th scope="col">{words.columns.setting}</th>
              <th scope="col">{words.columns.value}</th>
              <th scope="col">{words.columns.source}</th>
              <th scope="col">
                <span className="tp-hidden">{words.columns.actions}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((setting) => (
              <SettingRow key={setting.path} setting={setting} configFile={output.configFile} onChanged={answer.again} />
            ))}
          </tbody>
        </table>
      )}
    </Section>
  );
}

function SettingRow({
  setting,
  configFile,
  onChanged,
}: {
  readonly setting: ConfigSetting;
  readonly configFile: string;
  readonly onChanged: () => void;
}) {
  const { path, value, source } = setting;
  const [isEditing, setEditing] = useState(false);
  const reset = useAction(async () => {
    await callDaemon('changeConfig', { path });
    onChanged();
  });
  return (
    <tr data-source={source === builtIn ? 'built-in' : 'changed'}>
      <th scope="row" className="tp-mono">
        {path}
      </th>
      <td colSpan={isEditing ? 3 : 1}>
        {isEditing ? (
          <SettingForm
            setting={setting}
            onEnd={(hasChanged) => {
              setEditing(false);
              if (hasChanged) onChanged();
            }}
          />
        ) : (
          <SettingValue value={value} />
        )}
        {reset.error !== undefined && <ErrorNotice title={words.failed} error={reset.error} />}
      </td>
      {!isEditing && (
        <>
          <td className="tp-dim settings-source">{source === builtIn ? words.builtIn : source}</td>
          <td className="settings-actions">
            {source === configFile && (
              <ActionIcon
                aria-label={words.reset(path)}
                title={words.reset(path)}
                loading={reset.isRunning}
                onClick={() => void reset.run()}
              >
                <IconRestore size={15} aria-hidden />
              </ActionIcon>
            )}
            <ActionIcon aria-label={words.edit(path)} title={words.edit(path)} onClick={() => setEditing(true)}>
              <IconPencil size={15} aria-hidden />
            </ActionIcon>
          </td>
        </>
      )}
    </tr>
  );
}

function SettingForm({ setting, onEnd }: { readonly setting: ConfigSetting; readonly onEnd: (hasChanged: boolean) => void }) {
  const { path, value } = setting;
  const form = formOf(setting);
  const [text, setText] = useState(() => editText(value, form));
  const [problem, setProblem] = useState<string>();
  const save = useAction(async () => {
    const parsed = parseEdit(text, form);
    if (parsed === undefined) {
      setProblem(words.editWrongJson);
      return;
    }
    try {
      await callDaemon('changeConfig', { path, value: parsed.value });
    } catch (thrown) {
      const { code, message, reason } = AppError.from(thrown);
      if (code !== 'config.invalid') throw thrown;
      // What is wrong with the value stands at the value.
      setProblem(reason ?? message);
      return;
    }
    onEnd(true);
  });
  const change = (changed: string | null) => {
    setText(changed ?? '');
    setProblem(undefined);
  };
  const field = { 'aria-label': words.editField(path), error: problem, ref: focusField } as const;
  return (
    <form
      className="settings-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save.run();
      }}
      onKeyDown={({ key }) => key === 'Escape' && onEnd(false)}
    >
      {form === 'switch' || form === 'level' ? (
        <Select
          {...field}
          allowDeselect={false}
          value={text}
          onChange={change}
          data={
            form === 'level'
              ? levels
              : [
                  { value: 'true', label: words.on },
                  { value: 'false', label: words.off },
                ]
          }
        />
      ) : (
        <TextInput
          {...field}
          className="settings-text"
          value={text}
          placeholder={form === 'list' ? words.editListHint : form === 'json' ? words.editJsonHint : ''}
          onChange={({ currentTarget }) => change(currentTarget.value)}
        />
      )}
      <Button type="submit" loading={save.isRunning}>
        {words.save}
      </Button>
      <Button variant="default" onClick={() => onEnd(false)}>
        {words.cancel}
      </Button>
      {save.error !== undefined && <ErrorNotice title={words.failed} error={save.error} />}
    </form>
  );
}

/** Who wants to edit wants to type. */
function focusField(field: HTMLInputElement | null): void {
  field?.focus();
}

function SettingValue({ value }: { readonly value: unknown }) {
  if (value === undefined) return <span className="tp-dim">{words.unset}</span>;
  if (typeof value === 'boolean') return <span>{value ? words.on : words.off}</span>;
  if (Array.isArray(value) && value.length === 0) return <span className="tp-dim">{words.emptyList}</span>;
  const isPlain = !Array.isArray(value) || value.every((member) => typeof member !== 'object');
  return (
    <span className="tp-mono settings-value">
      {editText(value, isPlain && Array.isArray(value) ? 'list' : isPlain ? 'text' : 'json')}
    </span>
  );
}
