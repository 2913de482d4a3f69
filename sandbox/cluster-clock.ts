/** The cluster's clock, for tokens and answers. Programs in pods have this machine's. */
export interface ClusterClock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Against this machine's; negative: behind. */
  setAhead(aheadMs: number): void;
}

export function createClusterClock(): ClusterClock {
  let aheadMs = 0;
  return {
    now: () => Date.now() + aheadMs,
    setAhead: (next) => {
      aheadMs = next;
    },
  };
}
