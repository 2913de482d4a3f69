import { AppError } from '#protocol/errors/app-error.ts';
import type { LaptopSession } from '../sessions/session-registry.ts';
import { type Intercept, type InterceptTarget, portOf } from './intercept.ts';

/** Whether the laptop itself made the intercept, in a session that it did not depart from (its daemon was killed, say). */
export function isFormerLifeOf(intercept: Intercept, session: LaptopSession, name: string): boolean {
  const former = intercept.session;
  if (former.id === session.id || intercept.spec.name !== name) return false;
  const { installId, name: owner } = former.laptop;
  return installId !== '' && installId === session.laptop.installId && owner === session.laptop.name;
}

/** Who has what is wanted, where, and for how long, so that people can talk. */
export function describeConflict(intercept: Intercept, wanted: InterceptTarget, now: Date): AppError {
  const { spec, session, since } = intercept;
  const [user = '', host = ''] = session.laptop.name.split('@', 2);
  const minutes = Math.floor((now.getTime() - since.getTime()) / 60_000);
  const what = spec.replace ? 'is replaced' : 'is intercepted';
  const at = `${since.toISOString().slice(0, 19)}Z`;
  return new AppError({
    code: 'engagement.conflict',
    message:
      `Port ${portOf(wanted)} of ${wanted.workloadKind === '' ? 'workload' : wanted.workloadKind} ${wanted.agent}.${wanted.namespace} ` +
      `${what} by ${user}${host === '' ? '' : ` on ${host}`} since ${at} (${describeAge(minutes)}), as "${spec.name}"`,
    context: { owner: user, host, since: at, intercept: spec.name },
    remedies: [
      { label: `Ask ${user} to leave it`, command: `telepresence leave ${spec.name}` },
      { label: 'Or have an administrator revoke it', command: `telepresence revoke ${session.laptop.name}:${spec.name}` },
    ],
  });
}

function describeAge(minutes: number): string {
  if (minutes < 1) return 'less than a minute';
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}
