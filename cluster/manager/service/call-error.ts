import { Code, ConnectError } from '@connectrpc/connect';
import { encodeError, errorTrailer } from '#protocol/cluster/error-trailer.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ErrorCode } from '#protocol/errors/registry.ts';

/** Laptops take `Unavailable` for a broken link and `NotFound` for an unknown session, so these have to be what they mean. */
const codes: Readonly<Partial<Record<ErrorCode, Code>>> = {
  usage: Code.InvalidArgument,
  cancelled: Code.Canceled,
  timeout: Code.DeadlineExceeded,
  unsupported: Code.Unimplemented,
  internal: Code.Internal,
  'manager.busy': Code.ResourceExhausted,
  'engagement.exists': Code.AlreadyExists,
  'engagement.conflict': Code.AlreadyExists,
  'engagement.not-found': Code.NotFound,
};

/** What failed, as a gRPC status: the message in the first line, why in the next. */
export function toCallError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = AppError.from(thrown);
  const trailers = new Headers({ [errorTrailer]: encodeError(error) });
  return new ConnectError(textOf(error), codes[error.code] ?? Code.FailedPrecondition, trailers, undefined, thrown);
}

/** The same as `PreparedIntercept` carries it; the categories are the API's. */
export function toPreparedError(error: AppError, trailers: Headers): { readonly error: string; readonly errorCategory: number } {
  trailers.set(errorTrailer, encodeError(error));
  return { error: textOf(error), errorCategory: categories[error.entry.category] };
}

const categories = { user: 1, config: 2, environment: 3, internal: 4 } as const;

/** Runs a call; what it throws becomes a gRPC status. */
export async function answered<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw toCallError(error);
  }
}

function textOf({ message, reason }: AppError): string {
  return reason === undefined ? message : `${message}\n${reason}`;
}
