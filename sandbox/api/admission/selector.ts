import { selects } from '#protocol/chart/label-selector.ts';
import { isRecord } from '../../store/objects.ts';

/** A `LabelSelector` of an object; an absent one selects everything. */
export function fitsSelector(selector: unknown, labels: Readonly<Record<string, string>>): boolean {
  return selects(isRecord(selector) ? selector : undefined, labels);
}
