import { create } from '@bufbuild/protobuf';
import { beforeEach, describe, expect, it } from 'vitest';
import { desktopProduct } from '#protocol/cluster/desktop-wire.ts';
import { AgentInfoSchema, ClientInfoSchema } from '#protocol/cluster/generated/manager_pb.js';
import { SessionRegistry } from './session-registry.ts';

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

  it('of agents that have departed can be found as such for a minute', () => {
    const info = create(AgentInfoSchema, { name: 'shop', namespace: 'shop', podName: 'shop-1' });
    const [departed, replaced] = [sessions.arriveAsAgent({ ...info, podName: 'shop-2' }), sessions.arriveAsAgent(info)];
    const { id: laptopId } = sessions.arriveAsLaptop(laptop('telepresence'));
    sessions.arriveAsAgent(info);
    for (const id of [departed.id, laptopId]) sessions.depart(id);
    expect(sessions.find(departed.id)).toBeUndefined();
    expect(sessions.findOrDeparted(departed.id)).toBe(departed);
    expect([replaced.id, laptopId].map((id) => sessions.findOrDeparted(id))).toEqual([undefined, undefined]);
    now += 60_001;
    expect(sessions.findOrDeparted(departed.id)).toBeUndefined();
  });

  it('of a silent laptop cannot be used even before the sweep', () => {
    const { id } = sessions.arriveAsLaptop(laptop('telepresence'));
    now = 24 * hourMs + 1;
    expect(sessions.find(id)).toBeUndefined();
  });

  it('of a pod that arrives again takes the place of the former', () => {
    const info = create(AgentInfoSchema, { name: 'shop', namespace: 'shop', podName: 'shop-1' });
    const former = sessions.arriveAsAgent(info);
    const next = sessions.arriveAsAgent(info);
    const other = sessions.arriveAsAgent(create(AgentInfoSchema, { ...info, podName: 'shop-2' }));
    expect(former.signal.aborted).toBe(true);
    expect(ended).toEqual(['agent replaced']);
    expect(sessions.agentsOf('shop', 'shop').map(({ id }) => id)).toEqual([next.id, other.id]);
    sessions.depart(next.id);
    sessions.depart(other.id);
    expect(sessions.agentsIn('shop')).toEqual([]);
    expect(sessions.agentCount).toBe(0);
  });

  it('are bounded in number, of laptops and of agents', () => {
    const limits = { laptopTtlMs: hourMs, desktopTtlMs: hourMs, agentTtlMs: hourMs, maxLaptops: 1, maxAgents: 1 };
    const few = new SessionRegistry(limits, () => now);
    const { id } = few.arriveAsLaptop(laptop('telepresence'));
    few.arriveAsAgent(create(AgentInfoSchema));
    expect(() => few.arriveAsLaptop(laptop('telepresence'))).toThrow('has 1 sessions of laptops');
    expect(() => few.arriveAsAgent(create(AgentInfoSchema))).toThrow('has 1 sessions of traffic-agents');
    few.depart(id);
    expect(few.arriveAsLaptop(laptop('telepresence')).id).not.toBe(id);
  });

  it('get the id of before only where it is one, and nobody has it', () => {
    const former = '6f1c4c5e-6d3c-4a64-9f86-0a5f4b8f7a10';
    expect(sessions.arriveAsLaptop(laptop('telepresence'), former).id).toBe(former);
    expect(sessions.arriveAsLaptop(laptop('telepresence'), former).id).not.toBe(former);
    expect(sessions.arriveAsLaptop(laptop('telepresence'), 'agent:x').id).not.toBe('agent:x');
  });

  it('that fall silent are told of once, and again when they are heard', () => {
    const events: string[] = [];
    sessions.subscribe(({ kind }) => events.push(kind));
    const { id } = sessions.arriveAsLaptop(laptop(desktopProduct));
    now = 20_001;
    sessions.sweep();
    sessions.sweep();
    sessions.remain(id);
    sessions.remain(id);
    expect(events).toEqual(['arrived', 'silent', 'heard']);
  });
});
