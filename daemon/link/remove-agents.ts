import type { MessageInitShape } from '@bufbuild/protobuf';
import { Code, ConnectError } from '@connectrpc/connect';
import { decodeError, errorTrailer } from '#protocol/cluster/error-trailer.ts';
import type { RemoveAgentsRequestSchema } from '#protocol/cluster/generated/desktop_pb.js';
import { AppError } from '#protocol/errors/app-error.ts';
import type { AgentWorkload } from '#protocol/local-api/model.ts';
import type { DesktopClient } from './wire-session.ts';

/**
 * Has the traffic-manager take agents out of pods. Resolves when they are out, to the workloads that had them.
 *
 * @throws AppError `unsupported` where the traffic-manager is not of this product or too old; otherwise what it says.
 */
export async function removeAgents(
  desktop: DesktopClient,
  request: MessageInitShape<typeof RemoveAgentsRequestSchema>,
  signal: AbortSignal,
): Promise<AgentWorkload[]> {
  try {
    const { removed } = await desktop.removeAgents(request, { signal });
    return removed.map(({ name, namespace }) => ({ name, namespace }));
  } catch (error) {
    throw removeError(error, signal);
  }
}

function removeError(thrown: unknown, signal: AbortSignal): AppError {
  const error = ConnectError.from(thrown);
  if (signal.aborted) {
    const isLate = signal.reason instanceof Error && signal.reason.name === 'TimeoutError';
    const message = isLate ? 'Removing agents took too long' : 'Removing agents was cancelled';
    return new AppError({ code: isLate ? 'timeout' : 'cancelled', message }, thrown);
  }
  const whole = decodeError(error.metadata.get(errorTrailer));
  if (whole !== undefined) return new AppError(whole.toData(), thrown);
  if (error.code === Code.Unimplemented) {
    return new AppError(
      {
        code: 'unsupported',
        message: 'This traffic-manager cannot remove agents at the request of a laptop',
        reason: 'It is not of this product, or older than this version',
        remedies: [
          { label: 'Have it replaced by one of this version, where it is of this product', command: 'telepresence helm upgrade' },
          { label: 'Or remove an agent by replacing its pods', command: 'kubectl rollout restart deployment/NAME' },
        ],
      },
      thrown,
    );
  }
  if (error.code === Code.Unavailable || !(thrown instanceof ConnectError)) {
    const message = 'The connection to the traffic-manager broke while it removed agents';
    return new AppError({ code: 'connection.lost', message, reason: error.rawMessage }, thrown);
  }
  return new AppError({ code: 'agent.failed', message: 'Agents could not be removed', reason: error.rawMessage }, thrown);
}
