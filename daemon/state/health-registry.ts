import type { HealthCondition } from '#protocol/local-api/model.ts';
import type { StateStore } from './state-store.ts';

/** A condition as its owner reports it; since when it holds is kept here. */
export type HealthReport = Omit<HealthCondition, 'since' | 'dependsOn' | 'remedies'> &
  Partial<Pick<HealthCondition, 'dependsOn' | 'remedies'>>;

/** Trouble that lasts, mirrored into the state store. A condition is identified by its code and its connection. */
export class HealthRegistry {
  readonly #store: StateStore;

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** Raises a condition, or changes its text while it keeps its `since`. A report that changes nothing is not published. */
  raise(report: HealthReport): void {
    const id = conditionId(report.code, report.connection);
    const before = this.#store.state.health[id];
    const condition: HealthCondition = {
      ...report,
      since: before?.since ?? new Date().toISOString(),
      dependsOn: report.dependsOn ?? [],
      remedies: report.remedies ?? [],
    };
    if (before !== undefined && sortedJson(before) === sortedJson(condition)) return;
    this.#store.put('health', id, condition);
  }

  clear(code: string, connection?: string): void {
    this.#store.remove('health', conditionId(code, connection));
  }

  /** Everything about a connection that is gone. */
  clearConnection(connection: string): void {
    for (const [id, condition] of Object.entries(this.#store.state.health)) {
      if (condition.connection === connection) this.#store.remove('health', id);
    }
  }
}

function conditionId(code: string, connection: string | undefined): string {
  return connection === undefined ? code : `${connection}/${code}`;
}

function sortedJson(condition: HealthCondition): string {
  return JSON.stringify(Object.entries(condition).sort(([a], [b]) => (a < b ? -1 : 1)));
}
