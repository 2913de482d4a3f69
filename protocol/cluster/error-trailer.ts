import { base64Decode, base64Encode, getTextEncoding } from '@bufbuild/protobuf/wire';
import * as z from 'zod/mini';
import { AppError } from '#protocol/errors/app-error.ts';
import { errorData } from '#protocol/local-api/model.ts';

/** Trailer of a gRPC call in which a laptop of this product finds the whole error, remedies included: JSON in base64. */
export const errorTrailer = 'telepresence-error-bin';

/** The same for what does not keep a call from succeeding, and is to be known: an error as `encodeError` writes it. */
export const warningTrailer = 'telepresence-warning-bin';

/** The trailer's value. */
export function encodeError(error: AppError): string {
  return base64Encode(getTextEncoding().encodeUtf8(JSON.stringify(error.toData())));
}

/** The error as the traffic-manager threw it; `undefined` where there is none, or none that this version understands. */
export function decodeError(text: string | null): AppError | undefined {
  if (text === null || text === '') return undefined;
  try {
    const json = getTextEncoding().decodeUtf8(base64Decode(text));
    const { reason, context, remedies, ...data } = z.parse(errorData, JSON.parse(json));
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
