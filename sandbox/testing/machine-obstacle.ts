import { execFileSync } from 'node:child_process';

/** Why the machine of a sandbox cannot be had here, or undefined where it can: root is not needed where user namespaces are allowed. */
export function findMachineObstacle(): string | undefined {
  if (process.platform !== 'linux') return 'needs Linux';
  try {
    const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
    execFileSync('unshare', [...user, '--net', '--mount', '--pid', '--fork', 'nft', 'list', 'ruleset'], {
      stdio: 'ignore',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    });
    return undefined;
  } catch {
    return 'needs root or user namespaces, and nft';
  }
}
