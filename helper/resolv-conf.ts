import { parseIp } from '#base/common/ip.ts';

/** What the laptop's resolver library takes from resolv.conf(5). */
export interface ResolvConf {
  /** In order; a link-local IPv6 address keeps its zone (`fe80::1%eth0`). */
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
}

/** What the resolver library asks where the file names no server, or is missing (resolv.conf(5)). */
const defaultNameserver = '127.0.0.1';

const formerPrefix = '# former: ';
const markerPattern = /^# telepresence ([0-9a-f]{12}):/;

/** Anything that the resolver library would skip is skipped: comments with `#` and `;`, unknown keywords, bad addresses. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: readonly string[] = [];
  for (const [keyword, ...values] of statements(text)) {
    const [first] = values;
    if (keyword === 'nameserver' && first !== undefined && isServer(first)) nameservers.push(first);
    // `search` and `domain` exclude each other; the last one counts.
    if (keyword === 'search') search = values;
    if (keyword === 'domain') search = values.slice(0, 1);
  }
  return {
    nameservers: nameservers.length === 0 ? [defaultNameserver] : [...new Set(nameservers)],
    search: search.filter((name) => name !== '.').map((name) => name.replace(/\.$/, '').toLowerCase()),
  };
}

/**
 * A file that sends every look-up to `server` and keeps search path and options. It carries the former content as comments, so
 * that a person, or the next helper after a power failure, can bring it back without the journal.
 */
export function renderHookedResolvConf(instance: string, server: string, original: string | undefined): string {
  const kept = (original ?? '').split('\n').filter((line) => /^\s*(search|domain|options|sortlist)\s/.test(line));
  const former = original === undefined ? [] : original.split('\n').map((line) => `${formerPrefix}${line}`);
  return [
    `# telepresence ${instance}: in use while connected; the former content follows and comes back on disconnect`,
    `nameserver ${server}`,
    ...kept,
    ...former,
    '',
  ].join('\n');
}

/** The instance whose hook the file is, if it is one. */
export function hookingInstance(text: string): string | undefined {
  return markerPattern.exec(text)?.[1];
}

/** The content before the hook, from the hooked file itself; `undefined` where there was no file. */
export function formerContent(hooked: string): string | undefined {
  const lines = hooked.split('\n').filter((line) => line.startsWith(formerPrefix));
  return lines.length === 0 ? undefined : lines.map((line) => line.slice(formerPrefix.length)).join('\n');
}

/** Address without zone, for rules that cannot carry one. */
export function withoutZone(server: string): string {
  return server.split('%')[0] ?? server;
}

function statements(text: string): string[][] {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/(^|\s)[#;].*$/, '').trim());
  return lines.filter((line) => line !== '').map((line) => line.split(/\s+/));
}

function isServer(text: string): boolean {
  const [address = '', zone] = text.split('%');
  const ip = parseIp(address);
  return ip !== undefined && (zone === undefined || (ip.family === 6 && /^[\w.-]{1,15}$/.test(zone)));
}
