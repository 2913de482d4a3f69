import { Code, ConnectError } from '@connectrpc/connect';
import { KubeStatusError } from '#net/kube/kube-client.ts';
import { PortForwardError } from '#net/port-forward/port-forward-target.ts';
import { decodeError, errorTrailer } from '#protocol/cluster/error-trailer.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { clusterError } from '../kube/cluster-error.ts';
import { grantRemedy, missingRight } from '../kube/missing-right.ts';

/** Whether the traffic-manager says that it does not know the session. */
export function isSessionUnknown(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.NotFound;
}

/** What went wrong on the way to the traffic-manager, in the terms of the person who waits for it. */
export function managerError(error: unknown, place: { readonly server: string; readonly namespace: string }): AppError {
  if (error instanceof AppError) return error;
  const where = `the traffic-manager in namespace "${place.namespace}"`;
  if (error instanceof PortForwardError) {
    return new AppError(
      { code: 'manager.unreachable', message: `A port-forward to ${where} broke`, reason: error.message },
      error,
    );
  }
  if (error instanceof ConnectError) {
    const whole = decodeError(error.metadata.get(errorTrailer));
    if (whole !== undefined) return new AppError(whole.toData(), error);
    if (error.code === Code.FailedPrecondition) return notManaged(error, where);
    return new AppError({ code: 'manager.unreachable', message: `No answer from ${where}`, reason: error.rawMessage }, error);
  }
  if (error instanceof KubeStatusError && error.status === 403) return forbidden(error, place.namespace);
  return clusterError(error, { server: place.server, action: `reach ${where}` });
}

/** Stock traffic-managers answer so to the arrival of a laptop whose namespace is not theirs. */
function notManaged(error: ConnectError, where: string): AppError {
  return new AppError(
    {
      code: 'manager.namespace-not-managed',
      message: `The namespace is not managed by ${where}`,
      reason: error.rawMessage,
      remedies: [
        { label: 'See which namespaces there are', command: 'telepresence list-namespaces' },
        { label: 'Or name the namespace of the traffic-manager that manages it, with --manager-namespace' },
      ],
    },
    error,
  );
}

/** The API server's text names user, verb and resource; the remedy is a role that an administrator can apply as it is. */
function forbidden(error: KubeStatusError, namespace: string): AppError {
  const right = missingRight(error.message);
  const { verb = 'use', resource = 'the resource' } = right ?? {};
  return new AppError(
    {
      code: 'cluster.forbidden',
      message: `You may not ${verb} ${resource} in namespace "${namespace}"`,
      reason: error.message,
      context: { verb, resource, namespace },
      remedies: [
        ...(right === undefined ? [] : [grantRemedy(right)]),
        {
          label: 'Or have the rights of every user installed',
          command: 'telepresence helm upgrade --set clientRbac.create=true',
        },
      ],
    },
    error,
  );
}
