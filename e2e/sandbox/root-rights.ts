import { runProgram } from '../support/program.ts';

/** How this user gets what the suite needs root for: namespaces, and laptops whose users are others. */
export type RootRights =
  | { readonly kind: 'own' }
  /** In namespaces of the user's own: a program is put into them by what is to be written in front of it. */
  | { readonly kind: 'namespaces'; readonly prefix: readonly string[] }
  | { readonly kind: 'missing'; readonly reason: string };

const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
/** Further users are those that `/etc/subuid` grants. */
const ownUsers = ['--user', '--map-root-user', '--map-auto'];

/** `ip netns` and the tests write there. */
const ownMachine = 'mount -t tmpfs -o mode=755 tmpfs /run && ip link set lo up && exec "$@"';

export async function findRootRights(): Promise<RootRights> {
  if (process.platform !== 'linux') return { kind: 'missing', reason: 'needs Linux' };
  const isRoot = process.getuid?.() === 0;
  const unshare = ['unshare', ...(isRoot ? [] : ownUsers), ...namespaces];
  const prefix = [...unshare, 'sh', '-c', ownMachine, 'sh'];
  const reason = await whyNot([...prefix, 'true']);
  if (reason === undefined) return isRoot ? { kind: 'own' } : { kind: 'namespaces', prefix };
  const wanted = isRoot ? 'the right to make namespaces' : 'root, or user namespaces with the users of /etc/subuid';
  return { kind: 'missing', reason: `needs ${wanted} (${reason})` };
}

async function whyNot(argv: readonly string[]): Promise<string | undefined> {
  try {
    const { code, stderr } = await runProgram(argv);
    return code === 0 ? undefined : (stderr.trim().split('\n')[0] ?? '');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
