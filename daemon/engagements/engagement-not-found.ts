import { AppError } from '#protocol/errors/app-error.ts';

/** No engagement of the daemon has the name; `names` are those that there are. */
export function engagementNotFound(name: string, names: readonly string[]): AppError {
  return new AppError({
    code: 'engagement.not-found',
    message: `There is no intercept "${name}"`,
    reason: names.length === 0 ? 'There are none' : `There is ${names.join(', ')}`,
    remedies: [{ label: 'See them', command: 'telepresence list --intercepts' }],
  });
}
