import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import { AgentInfoSchema, ClientInfoSchema } from '#protocol/cluster/generated/manager_pb.js';
import { desktopProduct, SessionRegistry } from './session-registry.ts';

const hourMs = 3_600_000;

describe('sessions', () => {
  let now: number;
  let ended: string[];
  let sessions: SessionRegistry;
  const laptop = (product: string) => create(ClientInfoSchema, { name: 'me@laptop', namespace: 'shop', product });

  beforeEach(() => {
    now = 0;
    ended = [];
    const limits = { laptopTtlMs: 24 * hourMs, desktopTtlMs: 600_000, agentTtlMs: 15_000 };
    sessions = new SessionRegistry(
      limits,
      () => now,
      (session, end) => ended.push(`${session.kind} ${end}`),
    );
  });

  it('live for as long as they are heard of', () => {
    const { id } = sessions.arriveAsAgent(create(AgentInfoSchema));
    expect(id).toMatch(/^agent:/);
    for (let beat = 0; beat < 10; beat += 1) {
      now += 14_000;
      sessions.sweep();
      expect(sessions.remain(id)).toBe(true);
    }
    now += 15_001;
    expect(sessions.remain(id)).toBe(false);
  });

  it('end by a sweep: agents after 15 s, our laptops after 10 min, other laptops after a day', () => {
    const signals = [
      sessions.arriveAsAgent(create(AgentInfoSchema)).signal,
      sessions.arriveAsLaptop(laptop(desktopProduct)).signal,
      sessions.arriveAsLaptop(laptop('telepresence')).signal,
    ];
    const gone = () => signals.map(({ aborted }) => aborted);
    for (const [at, expected] of [
      [15_000, [false, false, false]],
      [15_001, [true, false, false]],
      [600_001, [true, true, false]],
      [24 * hourMs + 1, [true, true, true]],
    ] as const) {
      now = at;
      sessions.sweep();
      expect(gone()).toEqual(expected);
    }
    expect(ended).toEqual(['agent expired', 'laptop expired', 'laptop expired']);
  });

  it('are forgotten on departure, once', () => {
    const { id, signal } = sessions.arriveAsLaptop(laptop('telepresence'));
    expect(sessions.laptopCount).toBe(1);
    expect(sessions.depart(id)).toBe(true);
    expect(sessions.depart(id)).toBe(false);
    expect(sessions.find(id)).toBeUndefined();
    expect(signal.aborted).toBe(true);
    expect(sessions.laptopCount).toBe(0);
  });

  it('of a silent laptop cannot be used even before the sweep', () => {
    const { id } = sessions.arriveAsLaptop(laptop('telepresence'));
    now = 24 * hourMs + 1;
    expect(sessions.find(id)).toBeUndefined();
  });
});
