import { hostname, userInfo } from 'node:os';

/** `user@laptop`, as others see who has what. */
export function ownerName(): string {
  return `${userName()}@${hostname()}`;
}

/** A user id without a name is common in containers. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
