import { AppError } from '#protocol/errors/app-error.ts';
import type { DoctorCheck } from '#protocol/local-api/model.ts';

/** What a check found out. */
export type Finding = Omit<DoctorCheck, 'id' | 'title'>;

type Remedies = Finding['remedies'];

export const passed = (reason: string): Finding => ({ status: 'pass', reason, remedies: [] });
export const warned = (reason: string, remedies: Remedies = []): Finding => ({ status: 'warn', reason, remedies });
export const failed = (reason: string, remedies: Remedies = []): Finding => ({ status: 'fail', reason, remedies });
export const notApplicable = (reason: string): Finding => ({ status: 'not-applicable', reason, remedies: [] });

/** A failure in its own words, with its own remedies. */
export function failedBy(thrown: unknown): Finding {
  const { message, reason, remedies } = AppError.from(thrown);
  const text = reason === undefined ? message : `${message}: ${reason}`;
  return failed(
    text,
    remedies.map((remedy) => ({ ...remedy })),
  );
}
