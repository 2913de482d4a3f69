import { useMemo } from 'react';
import type { TrafficEntry } from '#protocol/local-api/traffic-api.ts';
import {
  connectionMethod,
  methodOf,
  type StatusClass,
  statusClasses,
  statusClassOf,
  type TrafficFilter,
} from '#protocol/local-api/traffic-filter.ts';
import { texts } from '../../texts/en.ts';

const words = texts.traffic;

/** Chips of what there is: engagements where there are several, methods, and classes of statuses. */
export function TrafficChips({
  entries,
  engagements,
  filter,
  onChange,
}: {
  readonly entries: readonly TrafficEntry[];
  readonly engagements: readonly string[];
  readonly filter: TrafficFilter;
  readonly onChange: (filter: TrafficFilter) => void;
}) {
  const counts = useMemo(() => countsOf(entries), [entries]);
  const methods = [...new Set([...counts.methods.keys(), ...filter.methods])].toSorted();
  const statuses: readonly StatusClass[] = counts.statuses.has('1') ? ['1', ...statusClasses] : statusClasses;
  const names = [...new Set([...engagements, ...filter.engagements])].toSorted();
  return (
    <div className="traffic-chips" role="group" aria-label={words.filters}>
      {names.length > 1 && (
        <Group
          label={words.engagements}
          values={names}
          pressed={filter.engagements}
          textOf={(name) => name}
          counts={counts.engagements}
          onChange={(chosen) => onChange({ ...filter, engagements: chosen })}
        />
      )}
      <Group
        label={words.statuses}
        values={statuses}
        pressed={filter.statuses}
        textOf={(status) => words.statusClasses[status]}
        counts={counts.statuses}
        onChange={(chosen) => onChange({ ...filter, statuses: chosen })}
      />
      <Group
        label={words.methods}
        values={methods}
        pressed={filter.methods}
        textOf={(method) => (method === connectionMethod ? words.connections : method)}
        counts={counts.methods}
        onChange={(chosen) => onChange({ ...filter, methods: chosen })}
      />
    </div>
  );
}

function Group<Value extends string>({
  label,
  values,
  pressed,
  textOf,
  counts,
  onChange,
}: {
  readonly label: string;
  readonly values: readonly Value[];
  readonly pressed: readonly Value[];
  readonly textOf: (value: Value) => string;
  readonly counts: ReadonlyMap<string, number>;
  readonly onChange: (pressed: readonly Value[]) => void;
}) {
  return (
    <div className="ui-chips" role="group" aria-label={label}>
      {values.map((value) => {
        const isPressed = pressed.includes(value);
        return (
          <button
            key={value}
            type="button"
            className="ui-chip"
            aria-pressed={isPressed}
            onClick={() => onChange(isPressed ? pressed.filter((each) => each !== value) : [...pressed, value])}
          >
            {textOf(value)} <span className="tp-number">{counts.get(value) ?? 0}</span>
          </button>
        );
      })}
    </div>
  );
}

function countsOf(entries: readonly TrafficEntry[]) {
  const engagements = new Map<string, number>();
  const methods = new Map<string, number>();
  const statuses = new Map<string, number>();
  const count = (counts: Map<string, number>, value: string) => counts.set(value, (counts.get(value) ?? 0) + 1);
  for (const entry of entries) {
    count(engagements, entry.engagement);
    count(methods, methodOf(entry));
    count(statuses, statusClassOf(entry));
  }
  return { engagements, methods, statuses };
}
