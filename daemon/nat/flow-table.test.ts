import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlowTable, natPortsPerPeer } from './flow-table.ts';
import { SharedState, slotIdle, slotPending } from './shared-state.ts';

/** A table of one peer with the words of a 4-tuple at hand: source, destination, ports. */
function tableOf(addressWords: 1 | 4): { table: FlowTable; shared: SharedState; key: (seed: number) => Int32Array } {
  const shared = new SharedState(natPortsPerPeer);
  const key = (seed: number): Int32Array =>
    Int32Array.from({ length: 2 * addressWords + 1 }, (_, word) => (word === 0 ? seed & 7 : seed));
  return { table: new FlowTable(addressWords, 1, shared, 0), shared, key };
}

describe.each([1, 4] as const)('flow table with addresses of %i words', (addressWords) => {
  const ports = 2 * addressWords;

  it('finds exactly what was inserted and not removed', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(50)), { maxLength: 200 }), (steps) => {
        const { table, key } = tableOf(addressWords);
        const model = new Map<number, number>();
        for (const [isInsert, seed] of steps) {
          const known = model.get(seed);
          expect(table.find(key(seed), 0, ports)).toBe(known ?? -1);
          if (isInsert && known === undefined) {
            model.set(seed, table.insert(key(seed), 0, ports));
          } else if (!isInsert && known !== undefined) {
            table.remove(known);
            model.delete(seed);
          }
        }
        expect(table.used).toBe(model.size);
        expect(new Set(model.values()).size).toBe(model.size);
      }),
      { numRuns: 30 },
    );
  });

  it('finds keys at any place in a packet', () => {
    const { table, key } = tableOf(addressWords);
    const slot = table.insert(key(5), 0, ports);
    const packet = new Int32Array(20);
    packet.set(key(5).subarray(0, ports), 3);
    packet.set(key(5).subarray(ports), 15);
    expect(table.find(packet, 3, 15)).toBe(slot);
  });
});

describe('flow table', () => {
  it('uses the slot that has been free for longest', () => {
    const { table, key } = tableOf(1);
    const first = table.insert(key(1), 0, 2);
    const second = table.insert(key(2), 0, 2);
    table.remove(second);
    table.remove(first);
    const later = Array.from({ length: natPortsPerPeer }, (_, index) => table.insert(key(index + 100), 0, 2));
    expect(later.slice(-2)).toEqual([second, first]);
    expect(new Set(later).size).toBe(natPortsPerPeer);
    expect(table.insert(key(3), 0, 2)).toBe(-1);
  });

  it('gives a slot a new generation for each flow, so that a late decision fails', () => {
    const { table, shared, key } = tableOf(1);
    const slot = table.insert(key(1), 0, 2);
    const generation = table.generation(slot);
    expect(shared.slotState(slot)).toBe(slotPending);
    table.remove(slot);
    expect(shared.slotState(slot)).toBe(slotIdle);
    for (let round = 0; round < natPortsPerPeer; round += 1) table.insert(key(round), 0, 2);
    expect(shared.slotState(slot)).toBe(slotPending);
    expect(shared.decide(slot, generation, 2)).toBe(false);
    expect(shared.decide(slot, generation + 1, 2)).toBe(true);
  });
});
