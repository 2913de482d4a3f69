/** Who enters, and where in the file system. */
export interface NamespaceVisitor {
  readonly uid: number;
  readonly gid: number;
  readonly directory: string;
}

/**
 * The command line that runs a command in the user, network and mount namespaces of a process, as the same user as outside. Exit code
 * and signals are the command's own, since each program here replaces itself by the next.
 *
 * @param pid a process in the namespaces, of the same user
 */
export function namespaceCommand(pid: number, command: readonly string[], visitor: NamespaceVisitor): readonly string[] {
  const { uid, gid, directory } = visitor;
  const enter = ['nsenter', '--preserve-credentials', '--user', '--net', '--mount', '--target', String(pid), '--'];
  // Inside, the user is root; a further user namespace gives the own name back.
  const asUser = uid === 0 ? [] : ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, '--'];
  return [...enter, ...asUser, 'sh', '-c', 'cd "$0" && exec "$@"', directory, ...command];
}
