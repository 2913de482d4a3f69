import { describe, expect, it } from 'vitest';
import { parseCidr } from '#base/common/cidr.ts';
import { changeRoutes, planRoutes, refuseRoute } from './routes.ts';
import { CommandError, type CommandRunner } from './run-command.ts';

function refusal(text: string, reserved: readonly string[] = []): string | undefined {
  const cidr = parseCidr(text);
  return cidr === undefined ? 'not a subnet' : refuseRoute(cidr, reserved, false);
}

describe('routes', () => {
  it.each([
    ['0.0.0.0/0', 'default route'],
    ['::/0', 'default route'],
    ['64.0.0.0/3', 'wider than /4'],
    ['2000::/15', 'wider than /16'],
    ['127.0.0.53/32', 'loopback'],
    ['112.0.0.0/4', 'loopback'],
    ['::1/128', 'loopback'],
    ['224.0.0.0/24', 'multicast'],
    ['ff02::/16', 'multicast'],
    ['fe80::/64', 'link-local'],
  ])('refuses %s', (subnet, reason) => {
    expect(refusal(subnet)).toContain(reason);
  });

  it.each(['10.0.0.0/8', '96.0.0.0/4', '10.96.0.1', '240.0.0.0/4', 'fd00::/16', 'fd00:10::1/128'])('accepts %s', (subnet) => {
    expect(refusal(subnet)).toBeUndefined();
  });

  it('refuses a subnet around a reserved address, and only that', () => {
    expect(refusal('10.0.0.0/8', ['192.0.2.1', '10.2.3.4'])).toContain('10.2.3.4');
    expect(refusal('10.3.0.0/16', ['10.2.3.4'])).toBeUndefined();
    expect(refusal('fd00::/32', ['fd00::5'])).toContain('fd00::5');
  });

  it('plans the difference in canonical form', () => {
    expect(
      planRoutes(['10.96.0.0/16', '10.1.2.3', 'fd00::/64'], ['10.96.5.5/16', 'FD00:0::/64', '10.2.0.0/16', '10.2.0.0/16']),
    ).toEqual({ added: ['10.2.0.0/16'], removed: ['10.1.2.3/32'] });
  });

  it('counts a route that is gone already as removed', async () => {
    const gone = 'RTNETLINK answers: No such process\nCommand failed -:1';
    await expect(changeRoutes(failing(gone), 'tel0', { added: [], removed: ['10.0.0.0/8'] })).resolves.toBeUndefined();
  });

  it('passes other failures on', async () => {
    const change = { added: ['10.0.0.0/8'], removed: [] };
    const denied = failing('RTNETLINK answers: Operation not permitted\nCommand failed -:1');
    await expect(changeRoutes(denied, 'tel0', change)).rejects.toMatchObject({
      code: 'route.failed',
      context: { route: '10.0.0.0/8' },
    });
  });
});

function failing(output: string): CommandRunner {
  return { run: () => Promise.reject(new CommandError('ip', false, output)) };
}
