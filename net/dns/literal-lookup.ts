/**
 * A look-up for sockets whose hosts are literal addresses: the system's resolver, which may ask us, must not be asked on
 * the way to them.
 */
export function literalLookup(
  host: string,
  _options: unknown,
  callback: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  callback(null, host, host.includes(':') ? 6 : 4);
}
