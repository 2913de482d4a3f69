import { checkValues, type ValuesProblem } from '#protocol/chart/check-values.ts';
import type { KubeObject } from '#protocol/chart/kube-object.ts';
import type { LabelSelector } from '#protocol/chart/manager-environment.ts';
import { chartObjects, managedNamespaceSelector } from '#protocol/chart/objects.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { formatManifest } from './manifest.ts';
import { type GivenValues, mergeMaps } from './merge-values.ts';

export interface RenderInput {
  readonly namespace: string;
  readonly version: string;
  /** Where images come from, if not from where the chart says. */
  readonly imageRegistry: string | undefined;
  readonly given: GivenValues;
}

/** Everything that a release consists of. */
export interface RenderedRelease {
  readonly given: GivenValues;
  readonly objects: readonly KubeObject[];
  readonly manifest: string;
  readonly selector: LabelSelector | undefined;
  readonly hasDeployment: boolean;
}

/** @throws AppError `install.values-invalid` with everything that is wrong. */
export function renderRelease({ namespace, version, imageRegistry, given }: RenderInput): RenderedRelease {
  const layered = imageRegistry === undefined ? given : mergeMaps({ image: { registry: imageRegistry } }, given);
  const checked = checkValues(layered);
  if (checked.kind === 'invalid') throw invalidValues(checked.problems);
  const { values } = checked;
  const objects = chartObjects({ namespace, version }, values);
  return {
    given,
    objects,
    manifest: formatManifest(objects),
    selector: managedNamespaceSelector(values),
    hasDeployment: !values.rbac.only,
  };
}

function invalidValues(problems: readonly ValuesProblem[]): AppError {
  const lines = problems.map(({ path, message }) => `${path}: ${message}`);
  return new AppError({
    code: 'install.values-invalid',
    message: problems.length === 1 ? 'A value does not fit the chart' : `${problems.length} values do not fit the chart`,
    reason: lines.join('\n'),
  });
}
