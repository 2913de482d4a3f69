import { productVersion } from '#base/common/version.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { openDaemon, withApi } from '../daemon/open-daemon.ts';
import type { Command } from '../invocation.ts';
import { readValues, type ValuesOptions } from './helm-values.ts';

/** Checks values against the chart's schema. */
export const helmLint: Command<ValuesOptions> = async (invocation, options) => {
  const values = await readValues(options, invocation.io);
  const { problems } = await withApi(openDaemon(invocation), (api) =>
    api.call('lintValues', { values }, { signal: invocation.signal }),
  );
  invocation.output.result({ problems }, () =>
    problems.length === 0 ? 'No problems found' : problems.map(({ path, message }) => `${path}: ${message}`).join('\n'),
  );
  return problems.length === 0 ? 0 : new AppError({ code: 'install.values-invalid', message: '' }).entry.exitCode;
};

/** The chart is built in and has the product's version. */
export const helmVersion: Command<object> = async ({ output }) => {
  output.result({ chart: 'telepresence', version: productVersion }, () => `telepresence chart: v${productVersion}`);
  return 0;
};
