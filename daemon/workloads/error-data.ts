import type * as z from 'zod/mini';
import type { AppError } from '#protocol/errors/app-error.ts';
import type { errorData } from '#protocol/local-api/model.ts';

/** An error as a part of an answer. */
export function errorDataOf(error: AppError): z.infer<typeof errorData> {
  const { context, remedies, ...data } = error.toData();
  return {
    ...data,
    ...(context === undefined ? {} : { context: { ...context } }),
    ...(remedies === undefined ? {} : { remedies: remedies.map((remedy) => ({ ...remedy })) }),
  };
}
