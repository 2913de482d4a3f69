import { describe, expect, it } from 'vitest';
import { parseAgentConfig } from '#protocol/agent/agent-config.ts';
import { networkPodConfig } from '../testing/network-pod.ts';
import { directRules } from './direct-rules.ts';
import { redirectRules } from './redirect-rules.ts';

const shape = { services: [], mode: 'redirect' };
const direct = { ...shape, protocol: 'TCP', idlePath: 'direct' };
const udp = { ...shape, containerPort: 53, agentPort: 9_901, protocol: 'UDP' };

function configOf(...ports: object[]) {
  const config = parseAgentConfig(networkPodConfig(ports));
  if (config === undefined) throw new Error('that is no configuration');
  return config;
}

describe('rules of a pod whose idle agent is passed by', () => {
  const config = configOf({ ...direct, containerPort: 8_080, agentPort: 9_900, probePort: 9_940 }, udp);
  const rules = directRules(config)?.split('\n') ?? [];
  const linesWith = (text: string) => rules.map((line) => line.trim()).filter((line) => line.includes(text));

  it('redirect its TCP ports while they are on, and others always', () => {
    const always = 'fib daddr type local udp dport 53 dnat to :9901';
    const whileOn = 'fib daddr type local tcp dport 8080 tcp dport @active dnat to :9900';
    expect(linesWith('dnat to')).toEqual(['fib daddr type local tcp dport 9940 dnat to :8080', whileOn, always, whileOn, always]);
  });

  it('are switched by the group of the agent only, for ports that pass it by', () => {
    expect(linesWith('goto switching')).toEqual(['meta l4proto udp ip daddr 127.116.112.0/24 meta skgid 7439 goto switching']);
    const commands = linesWith('udp dport').filter((line) => line.startsWith('ip daddr 127.116.112.'));
    expect(commands).toHaveLength(4);
    for (const command of commands) expect(command).toContain('udp dport 8080 ');
    expect(rules[rules.findIndex((line) => line.includes('chain switching')) + 5]?.trim()).toBe('drop');
  });

  it('name all ports of several', () => {
    const two = configOf({ ...direct, containerPort: 80, agentPort: 1 }, { ...direct, containerPort: 81, agentPort: 2 });
    expect(directRules(two)).toContain('tcp dport { 80, 81 } iifname != "lo" goto straight');
  });

  it('are none where no port asks for it', () => {
    expect(directRules(configOf(udp))).toBeUndefined();
    expect(directRules(configOf())).toBeUndefined();
  });

  it('are those of every other pod where the kernel refuses them', () => {
    const { idlePath: _absent, ...relay } = direct;
    const plain = configOf({ ...relay, containerPort: 8_080, agentPort: 9_900, probePort: 9_940 }, udp);
    expect(redirectRules('ip', config)).toBe(redirectRules('ip', plain));
  });
});
