import { isAbsolute } from 'node:path';
import { parseArgs } from 'node:util';

export type HelperCommand =
  /** Listen and serve; `detach` first moves into a session of its own. A service of the system stays without a daemon. */
  | {
      readonly kind: 'serve';
      readonly instance: string;
      readonly uid: number;
      readonly detach: boolean;
      readonly isService: boolean;
    }
  /** Serve root of the user namespace that this process is in; its files are in `directory`. */
  | { readonly kind: 'rootless'; readonly instance: string; readonly directory: string }
  /** Undo what an earlier helper left, then end. */
  | { readonly kind: 'restore'; readonly instance: string }
  | { readonly kind: 'invalid'; readonly reason: string };

/** The instance becomes part of a path, so nothing but 12 hexadecimal digits passes. */
export function parseCommandLine(args: readonly string[]): HelperCommand {
  let values: { instance?: string; uid?: string; restore?: boolean; detach?: boolean; service?: boolean; rootless?: string };
  try {
    values = parseArgs({
      args: [...args],
      options: {
        instance: { type: 'string' },
        uid: { type: 'string' },
        restore: { type: 'boolean' },
        detach: { type: 'boolean' },
        service: { type: 'boolean' },
        rootless: { type: 'string' },
      },
    }).values;
  } catch (error) {
    return { kind: 'invalid', reason: error instanceof Error ? error.message : String(error) };
  }
  const { instance = '', uid = '' } = values;
  if (!/^[0-9a-f]{12}$/.test(instance)) return { kind: 'invalid', reason: '--instance takes 12 hexadecimal digits' };
  if (values.restore === true) return { kind: 'restore', instance };
  if (values.rootless !== undefined) {
    if (!isAbsolute(values.rootless)) return { kind: 'invalid', reason: '--rootless takes an absolute path' };
    return { kind: 'rootless', instance, directory: values.rootless };
  }
  if (!/^[0-9]{1,10}$/.test(uid) || Number(uid) >= 0xffff_ffff) return { kind: 'invalid', reason: '--uid takes a user id' };
  const [detach, isService] = [values.detach === true, values.service === true];
  // Whoever manages services follows the process that it started.
  if (detach && isService) return { kind: 'invalid', reason: '--detach and --service exclude each other' };
  return { kind: 'serve', instance, uid: Number(uid), detach, isService };
}
