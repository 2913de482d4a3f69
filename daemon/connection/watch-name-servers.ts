import { readFileSync, unwatchFile, watchFile } from 'node:fs';

/** Where a laptop's name servers are written: by DHCP clients and VPNs, and by systemd-resolved those that it asks itself. */
const nameServerFiles = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'] as const;

/** The files may be links, bind mounts, or replaced as a whole, which no watch of the kernel's sees all of; looking is one `stat`. */
const lookEveryMs = 3_000;

/** Of a file that names our own server; whose interface it is does not matter, or two connections would write in turns. */
const hookMarker = /^# telepresence [0-9a-f]{12}:/;

export interface NameServerWatch extends Disposable {
  /** What the files say from now on is known: a change that one made oneself is none. */
  accept(): void;
}

/** Calls `onChange` when other name servers, or another search path, are written into one of the files. */
export function watchNameServers(
  onChange: () => void,
  { files = nameServerFiles, everyMs = lookEveryMs }: { readonly files?: readonly string[]; readonly everyMs?: number } = {},
): NameServerWatch {
  const read = () => files.map(nameServersIn).join('\n---\n');
  let known = read();
  const look = () => {
    const current = read();
    if (current === known) return;
    known = current;
    onChange();
  };
  for (const file of files) watchFile(file, { interval: everyMs, persistent: false }, look);
  return {
    accept: () => {
      known = read();
    },
    [Symbol.dispose]: () => {
      for (const file of files) unwatchFile(file, look);
    },
  };
}

function nameServersIn(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return '';
  }
  if (hookMarker.test(text)) return 'hooked';
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^(nameserver|search|domain)\s/.test(line))
    .join('\n');
}
