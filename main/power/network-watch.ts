import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** A change of network is noticed by the daemon's own heartbeat too; this only makes it quicker. */
const intervalMs = 3_000;

type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Calls `onChange` when the laptop's addresses have changed, but for those of the product's own interfaces. @returns the end of it */
export function watchNetwork(onChange: () => void): () => void {
  let before = networkFingerprint(networkInterfaces());
  const timer = setInterval(() => {
    const now = networkFingerprint(networkInterfaces());
    if (now === before) return;
    before = now;
    onChange();
  }, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}

/** What identifies the networks that the laptop is in. */
export function networkFingerprint(interfaces: Interfaces): string {
  return Object.entries(interfaces)
    .filter(([name]) => !/^(tel\d+$|veth|docker|br-|cni|lo\d*$)/.test(name))
    .flatMap(([name, addresses = []]) => addresses.filter(({ internal }) => !internal).map(({ cidr }) => `${name} ${cidr}`))
    .toSorted()
    .join('\n');
}
