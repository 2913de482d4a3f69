import * as z from 'zod/mini';
import { type Cidr, containsIp, formatCidr, overlaps, parseCidr } from '#base/common/cidr.ts';
import { parseIp } from '#base/common/ip.ts';
import { AppError } from '#protocol/errors/app-error.ts';
import { CommandError, type CommandRunner } from './run-command.ts';

/** Wider ones would take a good part of the internet along. */
const minPrefix = { 4: 4, 6: 16 } as const;

const forbidden = [
  { subnet: '127.0.0.0/8', what: 'loopback addresses' },
  { subnet: '224.0.0.0/4', what: 'multicast addresses' },
  { subnet: '::/127', what: 'loopback addresses' },
  { subnet: 'ff00::/8', what: 'multicast addresses' },
  { subnet: 'fe80::/10', what: 'link-local addresses' },
].flatMap(({ subnet, what }) => {
  const cidr = parseCidr(subnet);
  return cidr === undefined ? [] : [{ cidr, what }];
});

const routeList = z.array(z.object({ dst: z.string(), protocol: z.optional(z.string()) }));

/** Why a subnet must not be routed through the interface of a laptop, which may have a network namespace of its own; `undefined` where it may. */
export function refuseRoute(cidr: Cidr, reserved: readonly string[], isIsolated: boolean): string | undefined {
  // There, the default route is nobody else's.
  if (cidr.prefix === 0 && isIsolated) return undefined;
  if (cidr.prefix === 0) return 'it is the default route';
  if (cidr.prefix < minPrefix[cidr.family]) return `it is wider than /${minPrefix[cidr.family]}`;
  const special = forbidden.find((entry) => overlaps(entry.cidr, cidr));
  if (special !== undefined) return `it contains ${special.what}`;
  const covered = reserved.find((text) => {
    const ip = parseIp(text);
    return ip !== undefined && containsIp(cidr, ip);
  });
  return covered === undefined ? undefined : `it contains ${covered}, which must stay reachable without the interface`;
}

/** What is to be done so that exactly `wanted` remains; all in canonical text. */
export function planRoutes(present: readonly string[], wanted: readonly string[]): RouteChange {
  const canonical = (texts: readonly string[]) => new Set(texts.flatMap((text) => parseCidr(text) ?? []).map(formatCidr));
  const [has, wants] = [canonical(present), canonical(wanted)];
  return {
    added: [...wants].filter((route) => !has.has(route)),
    removed: [...has].filter((route) => !wants.has(route)),
  };
}

export interface RouteChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

/** The routes that somebody added to the interface, without those that the kernel made for its addresses. */
export async function listRoutes(commands: CommandRunner, interfaceName: string, hasIpv6: boolean): Promise<string[]> {
  const families = [{ flag: '-4', everything: '0.0.0.0/0' }, ...(hasIpv6 ? [{ flag: '-6', everything: '::/0' }] : [])];
  const lists = await Promise.all(
    families.map(async ({ flag, everything }) => {
      const output = await commands.run('ip', [flag, '-json', 'route', 'show', 'dev', interfaceName]);
      const routes = output.trim() === '' ? [] : routeList.parse(JSON.parse(output));
      const added = routes.filter((route) => route.protocol !== 'kernel');
      return added.map(({ dst }) => (dst === 'default' ? everything : dst));
    }),
  );
  return lists.flat();
}

/**
 * Adds, then removes, so that a change of one subnet into two leaves no gap. Never replaces a route of somebody else: an equal
 * one is an error, and the routes added so far are taken away again.
 */
export async function changeRoutes(commands: CommandRunner, interfaceName: string, change: RouteChange): Promise<void> {
  const { added, removed } = change;
  try {
    if (added.length > 0) await commands.run('ip', ['-batch', '-'], batch('add', interfaceName, added));
  } catch (error) {
    const failed = failedLine(error);
    if (failed === undefined) throw routeFailed(error, interfaceName);
    await deleteRoutes(commands, interfaceName, added.slice(0, failed - 1));
    throw routeFailed(error, interfaceName, added[failed - 1]);
  }
  await deleteRoutes(commands, interfaceName, removed);
}

/** A route that is gone already is as good as deleted. */
async function deleteRoutes(commands: CommandRunner, interfaceName: string, routes: readonly string[]): Promise<void> {
  if (routes.length === 0) return;
  try {
    await commands.run('ip', ['-force', '-batch', '-'], batch('del', interfaceName, routes));
  } catch (error) {
    const lines = error instanceof CommandError ? error.output.split('\n') : [];
    if (lines.length === 0 || !lines.every((line) => /No such process|^Command failed/.test(line))) {
      throw routeFailed(error, interfaceName);
    }
  }
}

function batch(action: 'add' | 'del', interfaceName: string, routes: readonly string[]): string {
  return routes.map((route) => `route ${action} ${route} dev ${interfaceName}\n`).join('');
}

/** `ip` stops at the first failure and says so: `Command failed -:3`. Lines count from 1. */
function failedLine(error: unknown): number | undefined {
  const match = error instanceof CommandError ? /Command failed -:([0-9]+)/.exec(error.output) : null;
  return match?.[1] === undefined ? undefined : Number(match[1]);
}

function routeFailed(error: unknown, interfaceName: string, route?: string): AppError {
  const reason = error instanceof CommandError ? error.message.replace(/\s*\n\s*/g, '; ') : String(error);
  const context = { interface: interfaceName, ...(route === undefined ? {} : { route }) };
  if (route !== undefined && reason.includes('File exists')) {
    return new AppError({
      code: 'route.overlap',
      message: `The laptop already has a route for ${route}`,
      reason: 'Another interface, such as a VPN or a container network, uses the same subnet',
      context,
    });
  }
  return new AppError({ code: 'route.failed', message: `Routes of ${interfaceName} could not be set`, reason, context }, error);
}
