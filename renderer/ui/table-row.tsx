import { memo, type ReactNode } from 'react';
import type { DataColumn } from './data-table.tsx';

interface TableRowProps<Row> {
  readonly id: string;
  readonly row: Row;
  readonly columns: readonly DataColumn<Row>[];
  readonly template: string;
  /** Counted from 1, with the head as the first. */
  readonly rowIndex: number;
  /** Pixels from the top of the rows. */
  readonly top: number;
  readonly isCurrent: boolean;
  readonly rowName: (row: Row) => string;
  readonly onOpen: ((row: Row) => void) | undefined;
  readonly opensOnClick: boolean;
  readonly onFocus: (id: string) => void;
  readonly actions: ((row: Row) => ReactNode) | undefined;
}

function Row<Row>(props: TableRowProps<Row>) {
  const { id, row, columns, template, rowIndex, top, isCurrent, rowName, onOpen, opensOnClick, onFocus, actions } = props;
  return (
    <div
      role="row"
      className="ui-table-row"
      aria-rowindex={rowIndex}
      aria-label={rowName(row)}
      data-row={id}
      tabIndex={isCurrent ? 0 : -1}
      style={{ gridTemplateColumns: template, transform: `translateY(${top}px)` }}
      onFocus={() => onFocus(id)}
      {...(opensOnClick ? { onClick: () => onOpen?.(row) } : { onDoubleClick: () => onOpen?.(row) })}
    >
      {columns.map((column) => (
        <div key={column.id} role="gridcell" className={column.isNumber === true ? 'tp-number tp-cut' : 'tp-cut'}>
          {column.cell(row)}
        </div>
      ))}
      {actions !== undefined && (
        <div role="gridcell" className="ui-table-actions">
          {actions(row)}
        </div>
      )}
    </div>
  );
}

/** Drawn again only where something about it is another: of thousands of changes a second most are of rows that nobody sees. */
export const TableRow = memo(Row) as typeof Row;
