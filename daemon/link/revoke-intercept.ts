import { randomBytes } from 'node:crypto';
import { Code, ConnectError } from '@connectrpc/connect';
import { type KubeClient, KubeStatusError } from '#net/kube/kube-client.ts';
import { managerName } from '#protocol/chart/manager-environment.ts';
import { revocationAnnotation } from '#protocol/cluster/desktop-wire.ts';
import { decodeError, errorTrailer } from '#protocol/cluster/error-trailer.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { DesktopClient } from './wire-session.ts';

interface ConfigMap {
  readonly metadata: { readonly annotations?: Readonly<Record<string, string>>; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
}

export interface RevokePlace {
  readonly kube: KubeClient;
  readonly managerNamespace: string;
  readonly desktop: DesktopClient;
  readonly session: { readonly sessionId: string };
}

/** Two administrators at once, or the traffic-manager's own upgrade. */
const writeAttempts = 5;

const callTimeoutMs = 15_000;

/**
 * Ends an intercept of anybody's. That this user may, is shown by a change of the ConfigMap `traffic-manager` (verbs get and update), which
 * is taken back afterwards.
 *
 * @returns whose it was.
 * @throws AppError `cluster.forbidden`, `engagement.not-found`, `unsupported`.
 */
export async function revokeIntercept(id: string, place: RevokePlace, signal: AbortSignal): Promise<string> {
  const nonce = randomBytes(16).toString('hex');
  await writeAnnotation(place, `${id} ${nonce}`, signal);
  try {
    const { owner } = await place.desktop.revokeIntercept(
      { session: place.session, id, nonce },
      { signal, timeoutMs: callTimeoutMs },
    );
    return owner;
  } catch (error) {
    throw callError(error, signal);
  } finally {
    // Without a call it is worth nothing; it only should not stay.
    await writeAnnotation(place, undefined, AbortSignal.timeout(callTimeoutMs)).catch(() => undefined);
  }
}

async function writeAnnotation(place: RevokePlace, value: string | undefined, signal: AbortSignal): Promise<void> {
  const { kube, managerNamespace } = place;
  const path = `/api/v1/namespaces/${encodeURIComponent(managerNamespace)}/configmaps/${managerName}`;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const found = await kube.request<ConfigMap>({ method: 'GET', path, signal });
      const { [revocationAnnotation]: _former, ...others } = found.metadata.annotations ?? {};
      const annotations = value === undefined ? others : { ...others, [revocationAnnotation]: value };
      await kube.request({ method: 'PUT', path, body: { ...found, metadata: { ...found.metadata, annotations } }, signal });
      return;
    } catch (error) {
      const isConflict = error instanceof KubeStatusError && error.status === 409;
      if (!isConflict || attempt === writeAttempts) throw writeError(error, managerNamespace);
    }
  }
}

function writeError(error: unknown, namespace: string): unknown {
  if (!(error instanceof KubeStatusError) || error.status !== 403) return error;
  const role = `--verb=get,update --resource=configmaps --resource-name=${managerName}`;
  return new AppError(
    {
      code: 'cluster.forbidden',
      message: `Revoking is for who may get and update the ConfigMap ${managerName} in namespace ${namespace}`,
      reason: error.message,
      remedies: [
        {
          label: 'Ask an administrator to grant it',
          command: `kubectl --namespace ${namespace} create role traffic-manager-revoke ${role}`,
        },
      ],
    },
    error,
  );
}

function callError(thrown: unknown, signal: AbortSignal): AppError {
  if (signal.aborted) return new AppError({ code: 'cancelled', message: 'Revoking was cancelled' }, thrown);
  const error = ConnectError.from(thrown);
  const whole = decodeError(error.metadata.get(errorTrailer));
  if (whole !== undefined) return new AppError(whole.toData(), thrown);
  if (error.code === Code.Unimplemented) {
    return new AppError(
      {
        code: 'unsupported',
        message: 'This traffic-manager does not revoke intercepts at the request of a laptop',
        reason: 'It is not of this product, or older than this version',
        remedies: [{ label: 'Where it is of this product, update it', command: 'telepresence helm upgrade' }],
      },
      thrown,
    );
  }
  return new AppError(
    { code: 'connection.lost', message: 'No answer from the traffic-manager', reason: error.rawMessage },
    thrown,
  );
}
