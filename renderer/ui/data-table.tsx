import {
  columnVisibilityFeature,
  createColumnHelper,
  createSortedRowModel,
  rowSortingFeature,
  type SortingState,
  tableFeatures,
  useTable,
} from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, type ReactNode, useMemo, useRef, useState } from 'react';
import { TableRow } from './table-row.tsx';

/** A column: `value` sorts, `cell` shows. */
export interface DataColumn<Row> {
  readonly id: string;
  readonly label: string;
  /** Of CSS grid: `minmax(160px, 2fr)`. */
  readonly width: string;
  readonly value: (row: Row) => string | number;
  readonly cell: (row: Row) => ReactNode;
  readonly isNumber?: boolean;
}

/** Functions that stay the same from one drawing to the next let rows that did not change be. */
interface TableProps<Row extends object> {
  readonly label: string;
  readonly rows: readonly Row[];
  readonly columns: readonly DataColumn<Row>[];
  readonly hidden?: readonly string[];
  readonly rowKey: (row: Row) => string;
  readonly rowName: (row: Row) => string;
  /** Enter, or a double click, on a row. */
  readonly onOpen?: (row: Row) => void;
  /** Buttons at the end of a row, and the column's name. */
  readonly actions?: (row: Row) => ReactNode;
  readonly actionsLabel?: string;
  readonly initialSort: string;
  readonly isDescending?: boolean;
  /** One click opens, too. */
  readonly opensOnClick?: boolean;
  /** Instead of rows. */
  readonly empty?: ReactNode;
}

const noneHidden: readonly string[] = [];
const features = tableFeatures({ rowSortingFeature, columnVisibilityFeature, sortedRowModel: createSortedRowModel() });
const rowHeight = 32;
const headHeight = 31;
const actionsWidth = '96px';

/**
 * A table of thousands of rows, of which only those in sight are in the page. The rows are one stop of the tab key; arrows, J and K, Home, End
 * and the page keys move within, Enter opens.
 */
export function DataTable<Row extends object>(props: TableProps<Row>) {
  const {
    label,
    rows,
    columns,
    hidden = noneHidden,
    rowKey,
    rowName,
    onOpen,
    actions,
    actionsLabel,
    initialSort,
    isDescending = false,
    empty,
  } = props;
  const [sorting, setSorting] = useState<SortingState>([{ id: initialSort, desc: isDescending }]);
  const [current, setCurrent] = useState<string>();
  const scroller = useRef<HTMLDivElement>(null);
  const definitions = useMemo(() => {
    const helper = createColumnHelper<typeof features, Row>();
    return columns.map(({ id, value }) =>
      helper.accessor((row): unknown => value(row), {
        id,
        sortFn: (a, b, columnId) => {
          const left = a.getValue<string | number>(columnId);
          const right = b.getValue<string | number>(columnId);
          return left < right ? -1 : left > right ? 1 : 0;
        },
      }),
    );
  }, [columns]);
  const columnVisibility = useMemo(() => Object.fromEntries(hidden.map((id) => [id, false])), [hidden]);
  const table = useTable({
    features,
    data: rows,
    columns: definitions,
    getRowId: rowKey,
    state: { sorting, columnVisibility },
    onSortingChange: setSorting,
    enableSortingRemoval: false,
  });
  const sorted = table.getRowModel().rows;
  const shown = useMemo(() => columns.filter(({ id }) => !hidden.includes(id)), [columns, hidden]);
  const virtualizer = useVirtualizer({
    count: sorted.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 6,
    // The head stays above the rows.
    scrollPaddingStart: headHeight,
    scrollMargin: headHeight,
    // What the first paint shows, before the height is known.
    initialRect: { width: 1_000, height: 700 },
  });
  const currentIndex = Math.max(
    0,
    sorted.findIndex(({ id }) => id === current),
  );
  const move = (index: number) => {
    const row = sorted[Math.min(Math.max(index, 0), sorted.length - 1)];
    if (row === undefined) return;
    setCurrent(row.id);
    virtualizer.scrollToIndex(row.index === -1 ? 0 : sorted.indexOf(row));
    // It may come into the page with the next frame only.
    requestAnimationFrame(() => {
      scroller.current?.querySelector<HTMLElement>(`[data-row="${CSS.escape(row.id)}"]`)?.focus();
    });
  };
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    const isOnRow = event.target instanceof HTMLElement && event.target.dataset['row'] !== undefined;
    if (!isOnRow || event.ctrlKey || event.metaKey || event.altKey) return;
    const target = targets(event.key, currentIndex, sorted.length);
    const row = sorted[currentIndex];
    if (target !== undefined) move(target);
    else if (event.key === 'Enter' && row !== undefined) onOpen?.(row.original);
    else return;
    event.preventDefault();
  };
  const template = [...shown.map(({ width }) => width), ...(actions === undefined ? [] : [actionsWidth])].join(' ');
  return (
    <div className="ui-table" role="grid" aria-label={label} aria-rowcount={sorted.length + 1} onKeyDown={onKeyDown}>
      <div className="ui-table-scroll" ref={scroller} role="presentation">
        <div role="rowgroup" className="ui-table-head">
          <div role="row" aria-rowindex={1} className="ui-table-row" style={{ gridTemplateColumns: template }}>
            {shown.map(({ id, label: name }) => {
              const order = sorting.find((sort) => sort.id === id);
              return (
                <div
                  key={id}
                  role="columnheader"
                  aria-sort={order === undefined ? 'none' : order.desc ? 'descending' : 'ascending'}
                >
                  <button type="button" onClick={() => setSorting([{ id, desc: order !== undefined && !order.desc }])}>
                    {name}
                    <span aria-hidden className="ui-table-order">
                      {order === undefined ? '' : order.desc ? '▾' : '▴'}
                    </span>
                  </button>
                </div>
              );
            })}
            {actions !== undefined && (
              <div role="columnheader">
                <span className="tp-hidden">{actionsLabel}</span>
              </div>
            )}
          </div>
        </div>
        {sorted.length === 0 ? (
          <div role="rowgroup" className="ui-table-empty">
            <div role="row">
              <div role="gridcell">{empty}</div>
            </div>
          </div>
        ) : (
          <div role="rowgroup" className="ui-table-body" style={{ height: virtualizer.getTotalSize() }}>
            {virtualizer.getVirtualItems().map(({ index, start }) => {
              const row = sorted[index];
              if (row === undefined) return null;
              return (
                <TableRow
                  key={row.id}
                  id={row.id}
                  row={row.original}
                  columns={shown}
                  template={template}
                  rowIndex={index + 2}
                  top={start - headHeight}
                  isCurrent={index === currentIndex}
                  rowName={rowName}
                  onOpen={onOpen}
                  opensOnClick={props.opensOnClick === true}
                  onFocus={setCurrent}
                  actions={actions}
                />
              );
            })}
          </div>
        )}
      </div>
    </div>
  );
}

/** Where a key leads. */
function targets(key: string, index: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowDown':
    case 'j':
      return index + 1;
    case 'ArrowUp':
    case 'k':
      return index - 1;
    case 'PageDown':
      return index + 15;
    case 'PageUp':
      return index - 15;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return undefined;
  }
}
