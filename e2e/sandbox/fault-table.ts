import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../support/settings.ts';

/** A row of the table in `docs/faults.md`. */
export interface FaultRow {
  readonly fault: string;
  readonly sees: string;
  readonly recovery: string;
}

export function readFaultTable(): readonly FaultRow[] {
  const lines = readFileSync(join(checkout, 'docs/faults.md'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) => {
    const [fault = '', sees = '', recovery = ''] = line
      .split('|')
      .slice(1)
      .map((cell) => cell.trim());
    return { fault, sees, recovery };
  });
}
