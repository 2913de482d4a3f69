const factors: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** `250m` → 0.25, `1Gi` → 1073741824. What is no quantity counts as none. */
export function parseQuantity(text: unknown): number {
  const match = /^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)$/.exec(String(text));
  const value = Number(match?.[1]) * (factors[match?.[2] ?? ''] ?? Number.NaN);
  return Number.isNaN(value) ? 0 : value;
}

/** As Kubernetes writes sums: with the largest unit that leaves a whole number. */
export function formatQuantity(name: string, value: number): string {
  const isBytes = /memory|storage/.test(name);
  if (isBytes && value > 0) {
    const unit = ['Pi', 'Ti', 'Gi', 'Mi', 'Ki'].find((candidate) => value % (factors[candidate] ?? 1) === 0);
    return unit === undefined ? String(value) : `${value / (factors[unit] ?? 1)}${unit}`;
  }
  return Number.isInteger(value) ? String(value) : `${Math.round(value * 1000)}m`;
}
