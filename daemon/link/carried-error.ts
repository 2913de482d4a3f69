import * as z from 'zod/mini';
import { AppError } from '#protocol/errors/app-error.ts';
import { errorData } from '#protocol/local-api/model.ts';

const errorTrailer = 'telepresence-error-bin';

/** The error as the traffic-manager threw it, in a trailer: JSON in base64. */
export function carriedError(trailers: Headers): AppError | undefined {
  try {
    const text = Buffer.from(trailers.get(errorTrailer) ?? '', 'base64').toString('utf8');
    if (text === '') return undefined;
    const { reason, context, remedies, ...data } = z.parse(errorData, JSON.parse(text));
    return new AppError({
      ...data,
      ...(reason === undefined ? {} : { reason }),
      ...(context === undefined ? {} : { context }),
      ...(remedies === undefined
        ? {}
        : {
            remedies: remedies.map(({ label, command, link }) => ({
              label,
              ...(command === undefined ? {} : { command }),
              ...(link === undefined ? {} : { link }),
            })),
          }),
    });
  } catch {
    // Of another version: its words are left.
    return undefined;
  }
}
