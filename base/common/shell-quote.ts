/** A word as a POSIX shell has to be told it: as it is where no character of it means something there. */
export function quotedForShell(word: string): string {
  return /^[A-Za-z0-9_./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
