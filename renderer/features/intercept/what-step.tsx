import { type ComboboxItem, Radio, Select, TextInput } from '@mantine/core';
import { useMemo } from 'react';
import { forgetInterceptLink } from '../../stores/view.ts';
import { useWorkloads } from '../../stores/workloads.ts';
import { texts } from '../../texts/en.ts';
import { Notice } from '../../ui/notice.tsx';
import { changeDraft, chooseWorkload, useInterceptDraft } from './intercept-draft.ts';
import { chosenPort, type DraftContext, effectiveName, isWishUnmet, type Problems } from './intercept-request.ts';
import { portChoices } from './port-choices.ts';

const words = texts.intercept;
/** More would not be read, and take time to draw. */
const maxOptions = 50;

/** Workload, port, container and mode. */
export function WhatStep({ context, problems }: { readonly context: DraftContext; readonly problems: Problems }) {
  const draft = useInterceptDraft();
  const rows = useWorkloads((state) => state.rows);
  const { row } = context;
  const options = useMemo(
    () =>
      [...rows.values()]
        .map(
          ({ key, workload }): ComboboxItem => ({
            value: key,
            label: `${workload.name} · ${workload.kind} · ${workload.namespace}`,
          }),
        )
        .toSorted((a, b) => (a.label < b.label ? -1 : 1)),
    [rows],
  );
  const choices = portChoices(row?.details);
  const containers = row?.details?.containers.map(({ name }) => name) ?? [];
  // A link may name one where the cluster does not tell which there are.
  const offered =
    draft.container === undefined || containers.includes(draft.container) ? containers : [...containers, draft.container];
  const port = row === undefined ? undefined : chosenPort(draft, row);
  return (
    <>
      <Select
        label={words.workload}
        placeholder={words.workloadPlaceholder}
        nothingFoundMessage={words.workloadNothing}
        data={options}
        limit={maxOptions}
        searchable
        value={draft.workload ?? null}
        onChange={(value) => {
          forgetInterceptLink();
          chooseWorkload(value ?? undefined);
        }}
        error={problems.workload}
        data-autofocus={draft.workload === undefined ? true : undefined}
        maxDropdownHeight={280}
        allowDeselect={false}
      />
      {row !== undefined && (
        <>
          {isWishUnmet(draft, row) && (
            <Notice
              severity="warning"
              title={words.linkPortUnmet(draft.portWish?.identifier, draft.portWish?.service)}
              copyLabel={texts.shell.copyCommand}
            />
          )}
          {choices.length > 0 && (
            <Radio.Group
              label={words.port}
              value={port?.id ?? ''}
              onChange={(id) => changeDraft({ port: id, laptopPort: undefined })}
              error={problems.port}
            >
              <div className="intercept-choices">
                {choices.map(({ id, label, detail }) => (
                  <Radio key={id} value={id} label={<strong>{label}</strong>} description={detail} />
                ))}
              </div>
            </Radio.Group>
          )}
          {choices.length === 0 && (
            <TextInput
              label={words.portText}
              description={row.details === undefined ? words.portTextHint : `${words.noPorts} ${words.portTextHint}`}
              value={draft.portText}
              onChange={(event) => changeDraft({ portText: event.currentTarget.value })}
              error={problems.portText}
            />
          )}
          {(containers.length > 1 || draft.container !== undefined) && (
            <Select
              label={words.container}
              description={words.containerHint}
              placeholder={words.containerAny}
              data={offered}
              value={draft.container ?? null}
              onChange={(container) => changeDraft({ container: container ?? undefined })}
              clearable
              clearButtonProps={{ 'aria-label': words.containerAny }}
            />
          )}
          <Radio.Group label={words.mode} value="intercept">
            <div className="intercept-choices">
              <Radio value="intercept" label={<strong>{words.modeIntercept}</strong>} description={words.modeInterceptHint} />
            </div>
          </Radio.Group>
          <TextInput
            label={words.name}
            description={words.nameHint}
            placeholder={effectiveName({ name: '' }, row)}
            value={draft.name}
            onChange={(event) => changeDraft({ name: event.currentTarget.value.trim() })}
            error={problems.name}
          />
        </>
      )}
    </>
  );
}
