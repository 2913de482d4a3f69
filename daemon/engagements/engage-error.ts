import { Code, ConnectError } from '@connectrpc/connect';
import { decodeError, errorTrailer } from '#protocol/cluster/error-trailer.ts';
import { InterceptDispositionType, type InterceptInfo, type PreparedIntercept } from '#protocol/cluster/generated/manager_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { ErrorCode } from '#protocol/errors/registry.ts';

/**
 * What the traffic-manager or the way to it answered instead of an intercept. What the caller itself gave up is none of this: a call that was
 * cut off here has lost its way.
 */
export function engageError(error: unknown, name: string): AppError {
  if (error instanceof Error && error.name === 'AbortError') return lostError(error, name);
  if (!(error instanceof ConnectError)) return AppError.from(error);
  const whole = decodeError(error.metadata.get(errorTrailer));
  if (whole !== undefined) return new AppError(whole.toData(), error);
  const code = codes[error.code];
  if (code === undefined) return engageFailure('engagement.failed', name, error.rawMessage, error);
  if (code === 'connection.lost') return lostError(error, name);
  return engageFailure(code, name, error.rawMessage, error);
}

function lostError(error: Error, name: string): AppError {
  const message = `The connection to the traffic-manager broke during the intercept "${name}"`;
  const reason = error instanceof ConnectError ? error.rawMessage : error.message;
  return new AppError({ code: 'connection.lost', message, reason }, error);
}

const codes: Readonly<Partial<Record<Code, ErrorCode>>> = {
  [Code.Canceled]: 'connection.lost',
  [Code.DeadlineExceeded]: 'timeout',
  [Code.AlreadyExists]: 'engagement.conflict',
  [Code.Aborted]: 'engagement.conflict',
  [Code.NotFound]: 'engagement.refused',
  [Code.InvalidArgument]: 'engagement.refused',
  [Code.PermissionDenied]: 'engagement.refused',
  [Code.Unimplemented]: 'manager.too-old',
  [Code.Unavailable]: 'connection.lost',
};

/** The traffic-manager's own words say what to do; the first line is what happened. */
function engageFailure(code: ErrorCode, name: string, words: string, cause?: unknown): AppError {
  const [first = '', ...rest] = words.trim().split('\n');
  return new AppError(
    {
      code,
      message: first === '' ? `The intercept "${name}" failed` : capitalised(first),
      ...(rest.length === 0 ? {} : { reason: rest.join('\n').trim() }),
      context: { name },
      ...(code === 'engagement.refused' ? { remedies: [{ label: 'See the workloads', command: 'telepresence list' }] } : {}),
    },
    cause,
  );
}

/**
 * Why nothing was prepared.
 *
 * Categories of the API: 1 the request, 2 the cluster's set-up, 3 and 4 anything else.
 */
export function preparedError(
  { error, errorCategory }: PreparedIntercept,
  trailers: Headers,
  name: string,
): AppError | undefined {
  if (error === '') return undefined;
  const whole = decodeError(trailers.get(errorTrailer));
  if (whole !== undefined) return whole;
  return engageFailure(errorCategory === 1 ? 'engagement.refused' : 'engagement.failed', name, error);
}

/** Why an intercept is not served, where its disposition says that it will not be. */
export function dispositionError({ disposition, message, spec }: InterceptInfo): AppError | undefined {
  switch (disposition) {
    case InterceptDispositionType.UNSPECIFIED:
    case InterceptDispositionType.ACTIVE:
    case InterceptDispositionType.WAITING:
      return undefined;
    case InterceptDispositionType.REMOVED:
      return engageFailure('engagement.removed', spec?.name ?? '', message === '' ? 'The intercept was removed' : message);
    case InterceptDispositionType.AGENT_ERROR:
      return engageFailure('engagement.failed', spec?.name ?? '', message);
    default: {
      const words = message === '' ? `The traffic-manager says ${InterceptDispositionType[disposition]}` : message;
      return engageFailure('engagement.failed', spec?.name ?? '', words);
    }
  }
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
