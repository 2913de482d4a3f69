import type { HealthCondition } from '#protocol/local-api/model.ts';

export type ConditionText = Pick<HealthCondition, 'code' | 'severity' | 'title' | 'message' | 'remedies'>;

/** The lasting troubles of one connection; each change is reported with the whole list. */
export class HealthConditions {
  readonly #connection: string;
  readonly #onChanged: (conditions: readonly HealthCondition[]) => void;
  readonly #conditions = new Map<string, HealthCondition>();

  constructor(connection: string, onChanged: (conditions: readonly HealthCondition[]) => void) {
    this.#connection = connection;
    this.#onChanged = onChanged;
  }

  get(code: string): HealthCondition | undefined {
    return this.#conditions.get(code);
  }

  /** A condition that is there already keeps the time it began. */
  set(text: ConditionText): void {
    const since = this.#conditions.get(text.code)?.since ?? new Date().toISOString();
    this.#conditions.set(text.code, { ...text, connection: this.#connection, since, dependsOn: [] });
    this.#onChanged([...this.#conditions.values()]);
  }

  clear(code: string): void {
    if (this.#conditions.delete(code)) this.#onChanged([...this.#conditions.values()]);
  }

  clearAll(): void {
    this.#conditions.clear();
    this.#onChanged([]);
  }
}
