import { untilAborted } from '#base/node/until-aborted.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { type DoctorCheckId, doctorCheckIds } from '#protocol/local-api/doctor-checks.ts';
import type { DoctorCheck } from '#protocol/local-api/model.ts';
import { checkApi, checkAuthPlugin, checkClock, checkManager, checkRights, checkWebhook } from './cluster-checks.ts';
import type { DoctorContext } from './doctor-context.ts';
import { type Finding, failed, failedBy, notApplicable } from './finding.ts';
import { checkDns, checkFuse, checkHelper, checkTun } from './laptop-checks.ts';
import { checkProxy, checkRoutes, checkVpn } from './network-checks.ts';

interface Check {
  readonly title: string;
  /** Says nothing of its own where the API server is in the way: that is the check `api`. */
  readonly needsApi?: true;
  run(context: DoctorContext, signal: AbortSignal): Promise<Finding>;
}

/** Longer than any of them takes where all is well, and than a login by a program with a cache. */
const checkTimeoutMs = 12_000;

const checks: Readonly<Record<DoctorCheckId, Check>> = {
  helper: { title: 'Privileged helper', run: checkHelper },
  tun: { title: 'Virtual interfaces', run: checkTun },
  dns: { title: 'DNS, end to end', run: checkDns },
  routes: { title: 'Overlapping routes', run: checkRoutes },
  vpn: { title: 'Other VPNs', run: checkVpn },
  proxy: { title: 'Proxy variables', run: checkProxy },
  'auth-plugin': { title: 'Login program', needsApi: true, run: checkAuthPlugin },
  clock: { title: 'Clock', needsApi: true, run: checkClock },
  api: { title: 'API server', run: checkApi },
  manager: { title: 'Traffic-manager', needsApi: true, run: checkManager },
  rbac: { title: 'Rights in the cluster', needsApi: true, run: checkRights },
  webhook: { title: 'Injector webhook', needsApi: true, run: checkWebhook },
  fuse: { title: 'Mounting of volumes', run: checkFuse },
};

/** The ids that are meant; none: all, in their order. @throws AppError `usage` */
export function chosenChecks(only: readonly string[]): readonly DoctorCheckId[] {
  const unknown = only.find((id) => !doctorCheckIds.some((known) => known === id));
  if (unknown !== undefined) {
    throw new AppError({
      code: 'usage',
      message: `There is no check "${unknown}"`,
      reason: `They are ${doctorCheckIds.join(', ')}`,
    });
  }
  return doctorCheckIds.filter((id) => only.length === 0 || only.includes(id));
}

/** Runs checks side by side; `onDone` is told of each as it ends. */
export async function runChecks(
  ids: readonly DoctorCheckId[],
  context: DoctorContext,
  onDone: (check: DoctorCheck) => void,
  signal: AbortSignal,
  timeoutMs = checkTimeoutMs,
): Promise<DoctorCheck[]> {
  return await Promise.all(
    ids.map(async (id) => {
      const check: DoctorCheck = { id, title: checks[id].title, ...(await runCheck(checks[id], context, signal, timeoutMs)) };
      signal.throwIfAborted();
      onDone(check);
      return check;
    }),
  );
}

async function runCheck(
  { run, needsApi }: Check,
  context: DoctorContext,
  signal: AbortSignal,
  timeoutMs: number,
): Promise<Finding> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  try {
    return await untilAborted(run(context, deadline), deadline);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    if (deadline.aborted) return failed(`It took longer than ${timeoutMs / 1_000} s`);
    const { code } = AppError.from(thrown);
    const isOfApi = code.startsWith('cluster.') || code.startsWith('kubeconfig.');
    return needsApi === true && isOfApi ? notApplicable('The API server has to be reached first: see there') : failedBy(thrown);
  }
}
