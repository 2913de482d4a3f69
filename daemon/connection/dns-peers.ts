import type { Connection, DaemonState } from '#protocol/local-api/model.ts';
import type { StateStore } from '../state/state-store.ts';

/** For each connection of the laptop's network the DNS servers of the others, newest first: that is who wins where several have a name. */
export function dnsPeers(connections: DaemonState['connections']): ReadonlyMap<string, readonly string[]> {
  const all = Object.values(connections)
    .filter(({ mode }) => mode === 'host')
    .toReversed();
  const addressesOf = (others: readonly Connection[]) => others.flatMap(({ dns }) => dns?.address ?? []);
  return new Map(all.map((own) => [own.name, addressesOf(all.filter((other) => other !== own))]));
}

/** Introduces the connections to each other whenever one has come or gone. */
export function introduceDnsServers(state: StateStore, tell: (connection: string, peers: readonly string[]) => void): void {
  const told = new Map<string, string>();
  state.subscribe((event) => {
    if (event.kind !== 'delta' || event.collection !== 'connections') return;
    const current = dnsPeers(state.state.connections);
    for (const name of told.keys()) if (!current.has(name)) told.delete(name);
    for (const [name, peers] of current) {
      if ((told.get(name) ?? '') === peers.join()) continue;
      told.set(name, peers.join());
      tell(name, peers);
    }
  });
}
