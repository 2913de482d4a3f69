import type { PatchOperation } from '../pod-patch.ts';

/** As much of RFC 6902 as is sent: `add` of members of objects, by paths without escapes. */
export function applyPatch<T>(document: T, patch: readonly PatchOperation[]): T {
  const result = structuredClone(document);
  for (const { path, value } of patch) {
    const steps = path.split('/').slice(1);
    const last = steps.pop() ?? '';
    let at = result as Record<string, unknown>;
    for (const step of steps) {
      const next = at[step];
      // Only the last member may be missing.
      if (typeof next !== 'object' || next === null) throw new Error(`${path} leads nowhere`);
      at = next as Record<string, unknown>;
    }
    at[last] = value;
  }
  return result;
}
