import { KubeStatusError } from '#net/kube/kube-client.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { describeRight, grantRemedy, missingRight } from './missing-right.ts';

/** What the system and the HTTP client say when the other side is not there, or not any more. */
const networkErrors = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

/** A failed request to an API server, in the terms of the person who asked for it. */
export function clusterError(error: unknown, request: { readonly server: string; readonly action: string }): AppError {
  if (error instanceof AppError) return error;
  const { server, action } = request;
  if (error instanceof KubeStatusError) return statusError(error, server, action);
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|CERT_|ERR_TLS|ERR_SSL)/.test(code)) {
    return new AppError(
      {
        code: 'cluster.certificate',
        message: `The certificate of ${server} is not accepted`,
        reason: message,
        remedies: [
          code === 'CERT_NOT_YET_VALID' || code === 'CERT_HAS_EXPIRED'
            ? {
                label: "Compare this computer's clock with the cluster's: a certificate is valid for a span of time",
                command: 'date',
              }
            : { label: 'Check certificate-authority-data of the cluster in the kubeconfig' },
        ],
      },
      error,
    );
  }
  const isTimeout = (error as Error).name === 'TimeoutError';
  if (!isTimeout && !networkErrors.has(code)) return AppError.from(error);
  return new AppError(
    {
      code: 'cluster.unreachable',
      message: `The API server ${server} cannot be reached`,
      reason: isTimeout ? 'it does not answer in time' : message,
      remedies: [{ label: 'Check that the cluster runs and that its network or VPN is up', command: 'kubectl cluster-info' }],
    },
    error,
  );
}

function statusError(error: KubeStatusError, server: string, action: string): AppError {
  const reason = error.message;
  if (error.status === 401) {
    const remedies = [{ label: 'Log in to the cluster again', command: 'kubectl get namespaces' }];
    return new AppError(
      { code: 'cluster.unauthenticated', message: `${server} does not accept the credentials`, reason, remedies },
      error,
    );
  }
  if (error.status === 403) {
    const right = missingRight(reason);
    const message =
      right === undefined
        ? `You may not ${action} in this cluster`
        : `You may not ${action}: the right ${describeRight(right)} is missing`;
    const remedies = [
      right === undefined ? { label: 'Ask an administrator of the cluster for the permission' } : grantRemedy(right),
    ];
    return new AppError({ code: 'cluster.forbidden', message, reason, remedies }, error);
  }
  return new AppError({ code: 'cluster.api', message: `${server} did not ${action}`, reason }, error);
}
