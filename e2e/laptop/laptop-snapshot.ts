/** State of a laptop as lists of lines, by what they are about, so that a comparison names what differs. */
export type LaptopSnapshot = Readonly<Record<string, readonly string[]>>;

interface Sources {
  /** Runs a script on the laptop as root. */
  readonly shell: (script: string) => Promise<string>;
  readonly directories: readonly string[];
  readonly processes: readonly { readonly command: string }[];
}

const scripts = {
  interfaces: 'ip -br link | sed "s/ *$//"',
  addresses: 'ip -br address | sed "s/ *$//"',
  'IPv4 routes': 'ip -4 route show table all',
  'IPv6 routes': 'ip -6 route show table all',
  rules: 'ip -4 rule; ip -6 rule',
  'nft ruleset': 'nft --stateless list ruleset',
  'resolv.conf': 'ls -l /etc/resolv.conf | cut -c1-10; cat /etc/resolv.conf; ls -A /etc/resolver 2>/dev/null; cat /etc/hosts',
  'kernel settings':
    'cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/all/rp_filter /proc/sys/net/ipv4/conf/all/route_localnet',
} as const;

export async function takeSnapshot(sources: Sources): Promise<LaptopSnapshot> {
  const snapshot: Record<string, readonly string[]> = {};
  for (const [name, script] of Object.entries(scripts)) snapshot[name] = lines(await sources.shell(script));
  for (const directory of sources.directories) {
    // Directories may stay; sockets and files may not.
    snapshot[`files in ${directory}`] = lines(await sources.shell(`find ${directory} -not -type d | sort`));
  }
  snapshot['processes'] = sources.processes.map(({ command }) => command).toSorted();
  return snapshot;
}

/** What programs see of the laptop's network: all but the daemons' own processes and files. */
export function networkOf(snapshot: LaptopSnapshot): LaptopSnapshot {
  return Object.fromEntries(Object.entries(snapshot).filter(([name]) => name !== 'processes' && !name.startsWith('files in')));
}

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
