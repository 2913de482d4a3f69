import { describe, expect, it } from 'vitest';
import { runScenario, scenarioObstacle } from './testing/run-scenario.ts';

const obstacle = scenarioObstacle();
const promptly = (code: string) => ({ code, withinASecond: true });

describe.skipIf(obstacle !== undefined)(
  `NAT on a real TUN device${obstacle === undefined ? '' : `, skipped: ${obstacle}`}`,
  { timeout: 30_000 },
  () => {
    it('carries a connection to an address that nobody has', async () => {
      expect(await runScenario('echo')).toBe('hello');
      expect(await runScenario('echo-v6')).toBe('hello');
    });

    it.each(['bulk', 'bulk-v6'])('carries 64 MiB each way unchanged (%s)', async (scenario) => {
      const result = (await runScenario(scenario)) as { up: string; down: string; expected: string };
      expect(result.up).toBe(result.expected);
      expect(result.down).toBe(result.expected);
    });

    it('lets a rejected connection fail at once, as refused or unreachable', async () => {
      expect(await runScenario('rejected')).toEqual({
        refused: promptly('ECONNREFUSED'),
        unreachable: promptly('EHOSTUNREACH'),
        refusedV6: promptly('ECONNREFUSED'),
        unreachableV6: promptly('EHOSTUNREACH'),
      });
    });

    it('does not complete connect() before the flow is accepted', async () => {
      expect(await runScenario('held-syn')).toEqual({
        flows: 1,
        isConnectedWhileHeld: false,
        isAccepted: true,
        answer: 'late',
        isAcceptedTwice: false,
      });
    });

    it('forgets a flow that nobody decides about', async () => {
      expect(await runScenario('abandoned-dial')).toEqual({ isAccepted: false, heldTcpFlows: 0 });
    });

    it('carries half-closed connections, whoever closes first', async () => {
      expect(await runScenario('half-close')).toEqual({ bytes: 'laptop closes first'.length, greeting: 'bye' });
    });

    it('connects 100 times from the same source port after the cluster closed first', async () => {
      expect(await runScenario('same-port')).toEqual({ failures: [], flows: 100, withinTenSeconds: true });
    });

    it('starts over when the same source port asks again while the first dial is pending', async () => {
      expect(await runScenario('same-port-while-pending')).toEqual({ flows: 2, answer: 'again', isFirstAccepted: false });
    });

    it('carries 1,000 connections at once', async () => {
      expect(await runScenario('many-connections')).toEqual({ right: 1_000, heldTcpFlows: 1_000, withinFiveSeconds: true });
    });

    it('refuses connections beyond its limit until others have closed', async () => {
      expect(await runScenario('table-full')).toEqual({ third: promptly('ECONNREFUSED'), tcpFlowsRefused: 1 });
    });

    it('carries datagrams up to the largest, over IPv4 and IPv6', async () => {
      const allEqual = [true, true, true, true, true];
      expect(await runScenario('udp')).toEqual({ v4: allEqual, v6: allEqual });
    });

    it('reports a closed UDP port', async () => {
      expect(await runScenario('udp-unreachable')).toEqual(['ECONNREFUSED', 'ECONNREFUSED']);
    });

    it('keeps one UDP flow for a 4-tuple, bounds their number, and ends idle ones', async () => {
      expect(await runScenario('udp-idle')).toEqual({ flowsBefore: 1, flowsAfter: 0, ids: [1] });
    });

    it('answers pings only for addresses that have just accepted a connection', async () => {
      expect(await runScenario('ping')).toEqual({ before: false, after: true, stranger: false });
    });

    it('reports a removed device', async () => {
      expect(await runScenario('device-removed')).toEqual({ code: 'interface.failed', withinASecond: true });
    });

    it('stops promptly and leaves nothing', async () => {
      const result = (await runScenario('stop')) as { stopMs: number };
      expect(result).toMatchObject({ leftDescriptors: 0, exitListeners: 0 });
      expect(result.stopMs).toBeLessThan(200);
    });

    it('does not hold up a process that exits without stopping it', async () => {
      const result = (await runScenario('exit')) as { exitedAtMs: number };
      expect(Date.now() - result.exitedAtMs).toBeLessThan(700);
    });
  },
);
