import { expect, it } from 'vitest';
import type { IpAddress } from '#base/common/ip.ts';
import { EchoPolicy } from './echo-policy.ts';

const ip = (value: bigint): IpAddress => ({ family: 4, value });

it('answers for a minute after a connection was accepted', () => {
  let nowMs = 0;
  const policy = new EchoPolicy(() => nowMs);
  policy.noteAccepted(ip(1n));
  nowMs = 60_000;
  expect([policy.shouldAnswer(ip(1n)), policy.shouldAnswer(ip(2n))]).toEqual([true, false]);
  nowMs = 60_001;
  expect(policy.shouldAnswer(ip(1n))).toBe(false);
});

it('remembers the newest thousand addresses', () => {
  const policy = new EchoPolicy(() => 0);
  for (let value = 0n; value < 1_025n; value += 1n) policy.noteAccepted(ip(value));
  expect([policy.shouldAnswer(ip(0n)), policy.shouldAnswer(ip(1n)), policy.shouldAnswer(ip(1_024n))]).toEqual([
    false,
    true,
    true,
  ]);
});
