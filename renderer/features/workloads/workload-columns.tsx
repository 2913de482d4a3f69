import { ageText } from '../../domain/time-text.ts';
import { texts } from '../../texts/en.ts';
import type { DataColumn } from '../../ui/data-table.tsx';
import { State } from '../../ui/shape.tsx';
import { useNow } from '../../ui/use-now.ts';
import type { ShownWorkload } from './filter-workloads.ts';

const words = texts.workloads;
const names = words.columnNames;
/** Ages are told by the second at first. */
const ageEveryMs = 10_000;
const unknown = <span className="tp-dim">{words.unknown}</span>;

/** Every column, in order; the person chooses which are shown. */
export const workloadColumns: readonly DataColumn<ShownWorkload>[] = [
  {
    id: 'name',
    label: names.name,
    width: 'minmax(150px, 2.2fr)',
    value: ({ workload }) => workload.name,
    cell: ({ workload }) => <strong className="workload-name">{workload.name}</strong>,
  },
  {
    id: 'kind',
    label: names.kind,
    width: 'minmax(86px, 0.8fr)',
    value: ({ workload }) => workload.kind,
    cell: ({ workload }) => <span className="tp-dim">{workload.kind}</span>,
  },
  {
    id: 'namespace',
    label: names.namespace,
    width: 'minmax(90px, 1fr)',
    value: ({ workload }) => workload.namespace,
    cell: ({ workload }) => workload.namespace,
  },
  {
    id: 'ready',
    label: names.ready,
    width: 'minmax(84px, 0.7fr)',
    value: ({ workload, details }) =>
      details === undefined
        ? workload.state === 'available'
          ? 1
          : 0
        : details.desired === 0
          ? 1
          : details.ready / details.desired,
    cell: ({ workload, details }) => <Ready workload={workload} details={details} />,
    isNumber: true,
  },
  {
    id: 'ports',
    label: names.ports,
    width: 'minmax(90px, 1.1fr)',
    value: portsText,
    cell: (row) => portsText(row) || unknown,
    isNumber: true,
  },
  {
    id: 'agent',
    label: names.agent,
    width: 'minmax(80px, 0.7fr)',
    value: ({ workload }) => workload.agent,
    cell: ({ workload: { agent } }) =>
      agent === 'none' ? (
        <span className="tp-dim">{words.agents.none}</span>
      ) : (
        <State shape="check" tone="dim">
          {words.agents[agent]}
        </State>
      ),
  },
  {
    id: 'engaged',
    label: names.engaged,
    width: 'minmax(110px, 1.3fr)',
    value: ({ mine, others }) =>
      mine === undefined ? (others.length === 0 ? '2' : `1 ${others.map(({ owner }) => owner).join()}`) : '0',
    cell: (row) => <EngagedBy row={row} />,
  },
  {
    id: 'services',
    label: names.services,
    width: 'minmax(100px, 1.2fr)',
    value: (row) => servicesText(row),
    cell: (row) => servicesText(row) || unknown,
  },
  {
    id: 'images',
    label: names.images,
    width: 'minmax(120px, 2fr)',
    value: ({ details }) => details?.containers.map(({ image }) => image).join(', ') ?? '',
    cell: ({ details }) =>
      details === undefined ? (
        unknown
      ) : (
        <span className="tp-mono">{details.containers.map(({ image }) => image).join(', ')}</span>
      ),
  },
  {
    id: 'age',
    label: names.age,
    width: '64px',
    // Younger first.
    value: ({ details }) => (details === undefined ? 0 : -Date.parse(details.createdAt)),
    cell: ({ details }) => (details === undefined ? unknown : <Age since={details.createdAt} />),
    isNumber: true,
  },
];

function Ready({ workload: { state }, details }: Pick<ShownWorkload, 'workload' | 'details'>) {
  if (details === undefined) {
    if (state === 'available')
      return (
        <State shape="solid" tone="good">
          {words.states.available}
        </State>
      );
    if (state === 'failure')
      return (
        <State shape="triangle" tone="bad">
          {words.states.failure}
        </State>
      );
    return (
      <State shape="half" tone="warn">
        {words.states[state]}
      </State>
    );
  }
  const text = `${details.ready}/${details.desired}`;
  if (details.desired === 0)
    return (
      <State shape="dash" tone="dim">
        {text}
      </State>
    );
  if (details.ready >= details.desired)
    return (
      <State shape="solid" tone="good">
        {text}
      </State>
    );
  return details.ready === 0 ? (
    <State shape="triangle" tone="bad">
      {text}
    </State>
  ) : (
    <State shape="half" tone="warn">
      {text}
    </State>
  );
}

function EngagedBy({ row: { mine, others } }: { readonly row: ShownWorkload }) {
  if (mine !== undefined) {
    return (
      <State shape="solid" tone="accent">
        {'since' in mine.state ? <MineSince since={mine.state.since} /> : words.me(mine.state.stage)}
      </State>
    );
  }
  if (others.length > 0)
    return (
      <State shape="half" tone="dim">
        <OthersSince others={others} />
      </State>
    );
  return null;
}

function Age({ since }: { readonly since: string }) {
  return ageText(since, useNow(ageEveryMs));
}

function OthersSince({ others }: Pick<ShownWorkload, 'others'>) {
  const now = useNow(ageEveryMs);
  return others.map(({ owner, since }) => (since === undefined ? owner : words.other(owner, ageText(since, now)))).join(', ');
}

function MineSince({ since }: { readonly since: string }) {
  return words.me(ageText(since, useNow(ageEveryMs)));
}

/** Ports of Services, or of containers where there are none. */
function portsText({ details }: ShownWorkload): string {
  if (details === undefined) return '';
  const services = details.services.flatMap(({ ports }) =>
    ports.map(({ name, port }) => (name === undefined ? `${port}` : `${name} ${port}`)),
  );
  const containers = details.containers.flatMap(({ ports }) =>
    ports.map(({ name, port }) => (name === undefined ? `${port}` : `${name} ${port}`)),
  );
  return [...new Set(services.length > 0 ? services : containers)].join(', ');
}

function servicesText({ details }: ShownWorkload): string {
  return details?.services.map(({ name }) => name).join(', ') ?? '';
}
