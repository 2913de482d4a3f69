import { parseIp } from '#base/common/ip.ts';
import type { Endpoint } from '#net/tunnel/stream-info.ts';

/** As Node's sockets name it; `undefined` where they no longer know. A listener of both families reports IPv4 in mapped form. */
export function socketEndpoint(address: string | undefined, port: number | undefined): Endpoint | undefined {
  const ip = parseIp((address ?? '').replace(/%.*$/, ''));
  if (ip === undefined || port === undefined) return undefined;
  const isMapped = ip.family === 6 && ip.value >> 32n === 0xffffn;
  return { ip: isMapped ? { family: 4, value: ip.value & 0xffff_ffffn } : ip, port };
}
