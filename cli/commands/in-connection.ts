import { namespaceCommand } from '#base/node/enter-namespace.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import type { Connection } from '#protocol/local-api/model.ts';
import type { CliIo } from '../invocation.ts';

/**
 * What to run so that a command is inside the cluster: itself where the whole laptop is.
 *
 * @throws AppError `connection.lost` where the connection's namespaces are not there at the moment.
 */
export function inConnection({ name, mode, namespacePid }: Connection, command: readonly string[], io: CliIo): readonly string[] {
  if (mode === 'host') return command;
  if (namespacePid === undefined) {
    throw new AppError({
      code: 'connection.lost',
      message: `The network of the connection "${name}" is not there`,
      remedies: [{ label: 'See what it is waiting for', command: 'telepresence status' }],
    });
  }
  const visitor = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0, directory: io.cwd };
  return namespaceCommand(namespacePid, command, visitor);
}
